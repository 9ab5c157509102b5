/* What each unit test of status/ includes. */
#ifndef STATUS_UNIT_H
#define STATUS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#endif
