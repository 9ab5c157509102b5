/* What the rooms that gather figures share. For this folder only. */
#ifndef CORE_FIGURES_PRIV_H
#define CORE_FIGURES_PRIV_H

#include "core/figures.h"

struct figure_row {
    const char *name, *type, *help;
    double value;
};

void core__figures_programs(struct core *c, struct figures *f); /* figures_process.c */

#endif
