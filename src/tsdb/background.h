/* The store's own threads: one syncs, one keeps house (snapshots, cuts), one merges, so that none waits for another. */
#ifndef TSDB_BACKGROUND_H
#define TSDB_BACKGROUND_H

struct tsdb;
struct background;

void background_start(struct tsdb *db);
void background_stop(struct tsdb *db); /* none: nothing */
void background_wake(struct tsdb *db); /* housekeeping is due; any thread */

#endif
