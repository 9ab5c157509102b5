/* The targets of one scrape job of a prometheus.yml, as Prometheus would ask for them: its static_configs and the files of its
 * file_sd_configs, after its relabel_configs. Pure: the files are given. */
#ifndef CLI_IMPORT_BLACKBOX_JOB_H
#define CLI_IMPORT_BLACKBOX_JOB_H

#include "cli/import_priv.h"
#include "model/labels.h"

#define JOB_PATTERNS_MAX 1000

/* One target; the texts are in the job's arena. */
struct job_target {
    const char *address;                 /* as the job has it */
    const char *target;                  /* what /probe is asked for */
    const char *module;                  /* NULL: none was named */
    const char *hostname;                /* NULL: none */
    const struct node *at;               /* where it stands */
    const struct labels_builder *labels; /* after the rules, those with __ too */
};

struct job_reader {
    struct arena *arena;
    struct problems *problems;
    const char *path;                /* of prometheus.yml: relative names start beside it */
    const struct import_file *files; /* what file_sd_configs may name, by their whole names */
    size_t n_files;
    void (*on_target)(void *arg, const struct job_target *t);
    void *arg;
};
/* job: the item of scrape_configs; name: of the job, for what is told. What is not taken becomes a problem. */
void job_each_target(const struct job_reader *r, const struct node *job, const char *name);

/* The patterns of all file_sd_configs of jobs that probe, whole; how many. */
size_t job_patterns(struct str prometheus, const char *path, struct arena *a,
                    const char *out[JOB_PATTERNS_MAX]);
/* Does the job ask a /probe? */
bool job_probes(const struct node *job);
/* A text at a key, or the first of a list of texts; NULL. */
const char *job_text(const struct node *map, const char *key);

#endif
