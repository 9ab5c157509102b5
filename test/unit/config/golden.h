/* Golden error texts: every NN-name.yaml of a directory below test/config is refused with exactly
 * what NN-name.err says. BELFRY_GOLDEN=write writes the .err files anew. Used by test_files.c and
 * test_probers.c. */
#ifndef TEST_CONFIG_GOLDEN_H
#define TEST_CONFIG_GOLDEN_H

#include "config/config.h"

/* Goes to test/config/DIR. */
void golden_enter(const char *dir);
/* Both fail the running test when a file is not as it should be; they return how many files there
 * were. */
size_t golden_bad(const char *pattern, const struct config_hooks *hooks);
size_t golden_good(const char *pattern, const struct config_hooks *hooks);

#endif
