/* From matchers to series numbers, over any index of label pairs: the head's in memory, a block's on the disk.
 *
 * Every matcher becomes a set to intersect with (when it does not match the empty value) or a set to take away (when it does:
 * series without the label stay). Sets are CRoaring bitmaps. When what is left is much less than the values that an expression would
 * be tested on, the series left are looked at instead: a label with a million values costs nothing to who asks for few series. */
#ifndef TSDB_POSTINGS_H
#define TSDB_POSTINGS_H

#include <roaring/roaring.h>

#include "model/matcher.h"

/* Adds series numbers to a bitmap in each; the lock of the index, if it has one, is taken inside. -1: damaged. */
struct postings_ops {
    int (*pair)(void *self, struct str name, struct str value, roaring_bitmap_t *out,
                struct err *err);
    int (*having)(void *self, struct str name, roaring_bitmap_t *out, struct err *err);
    int (*all)(void *self, roaring_bitmap_t *out, struct err *err);
    /* Those of every value of the name that begins with prefix and for which test(arg, value) is true. */
    int (*values)(void *self, struct str name, struct str prefix,
                  bool (*test)(void *arg, struct str value), void *arg, roaring_bitmap_t *out,
                  struct err *err);
    /* How many values the name has, about. */
    size_t (*count)(void *self, struct str name);
    /* The value of the name in this series, "" when it has none; lives until the next call. */
    struct str (*value)(void *self, uint32_t series, struct str name);
};

/* The series that all matchers match; free with roaring_bitmap_free. NULL: damaged. */
roaring_bitmap_t *postings_select(const struct postings_ops *ops, void *self,
                                  const struct matcher *const *m, size_t n, struct err *err);

#endif
