/* Texts that are OpenMetrics 1.0, and texts that are not for one reason each. Of the same breadth as the public parser cases
 * (github.com/prometheus/OpenMetrics, tests/testdata/parsers). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>

#include "wire/exposition.h"

#define END            "# EOF\n"
#define HIST(lines)    "# TYPE h histogram\n" lines END
#define GHIST(lines)   "# TYPE g gaugehistogram\n" lines END
#define SUMMARY(lines) "# TYPE s summary\n" lines END
#define COUNTER(lines) "# TYPE c counter\n" lines END
#define GAUGE(lines)   "# TYPE temp gauge\n" lines END
#define INF(n)         "h_bucket{le=\"+Inf\"} " #n "\n"
#define GINF(n)        "g_bucket{le=\"+Inf\"} " #n "\n"
#define X32            "0123456789abcdef0123456789abcdef"

static const char *const valid[] = {
    /* lines */
    END,
    "# EOF",
    "temp 1\n" END,
    "temp 1\n# EOF",
    "temp{} 1\n" END,
    "temp{room=\"a\"} -1.5e-3\n" END,
    "temp{room=\"\"} 1\n" END,
    "temp{room=\"a\\\\b\\nc\\\"d\"} 1\n" END,
    "temp{room=\"} # {\"} 1\n" END,
    "temp{room=\"温度\"} 1\n" END,
    "temp:of:rooms 1\n" END,
    "temp{room=\"a\",floor=\"1\"} 1\ntemp{floor=\"2\",room=\"a\"} 1\n" END,
    "temp .5\n" END,
    "temp 5.\n" END,
    "temp 0005\n" END,
    "temp 1e5\n" END,
    "temp 1E+5\n" END,
    "temp NaN\n" END,
    "temp nan\n" END,
    "temp +Inf\n" END,
    "temp -INFINITY\n" END,
    "temp inf\n" END,
    "temp -0\n" END,
    /* metadata, in any order, any of them missing */
    GAUGE("temp 1\n"),
    "# HELP temp how warm\n# TYPE temp gauge\ntemp 1\n" END,
    "# TYPE temp_celsius gauge\n# UNIT temp_celsius celsius\n# HELP temp_celsius x\ntemp_celsius 1\n" END,
    "# HELP temp \n# UNIT temp \n" END,
    "# HELP temp a \\n b \\\\ c \\\" d \\x\n" END,
    "# HELP temp 温度\n" END,
    "# HELP temp  two blanks\n" END,
    "# TYPE temp unknown\ntemp 1\n" END,
    "# TYPE one gauge\n# TYPE two gauge\n" END,
    "# TYPE one gauge\none 1\n# TYPE two counter\ntwo_total 1\nthree 1\n" END,
    "# UNIT wait_seconds seconds\nwait_seconds 1\n" END,
    /* counters */
    COUNTER("c_total 1\n"),
    COUNTER("c_total 1\nc_created 1520872607.123\n"),
    COUNTER("c_created 1\nc_total 0\n"),
    COUNTER("c_total{a=\"1\"} 1\nc_created{a=\"1\"} 1\nc_total{a=\"2\"} 1\nc_created{a=\"2\"} 1\n"),
    COUNTER("c_total 18446744073709551616\n"),
    COUNTER("c_total 1 # {trace_id=\"x\"} 0.5\n"),
    COUNTER("c_total 1 1 # {trace_id=\"x\"} 0.5 1520872607.5\n"),
    COUNTER("c_total 1 # {} 0.5\n"),
    COUNTER("c_total 1 # {a=\"" X32 X32 "\",b=\"" X32
            "0123456789abcdef0123456789abcd\"} 1\n"), /* 128 */
    /* times */
    GAUGE("temp 1 0\n"),
    GAUGE("temp 1 -5.5\n"),
    GAUGE("temp 1 1.5e9\ntemp 2 1.6e9\n"),
    GAUGE("temp 1 1.0000001\ntemp 2 1.0000002\n"),
    GAUGE("temp{a=\"1\"} 1 5\ntemp{a=\"2\"} 1 3\ntemp{a=\"3\"} 1\n"),
    /* histograms */
    HIST(INF(0)),
    HIST("h_bucket{le=\"1\"} 1\nh_bucket{le=\"2.5\"} 1\n" INF(3) "h_count 3\nh_sum 7.5\n"),
    HIST("h_bucket{le=\"1.0\"} 1\n" INF(3) "h_sum 7.5\nh_count 3\nh_created 5\n"),
    HIST("h_count 3\nh_sum 7.5\n" INF(3)),
    HIST("h_bucket{le=\"-1\"} 1\n" INF(3)),
    HIST("h_bucket{le=\"1e-9\"} 1\nh_bucket{le=\"1e+05\"} 1\n" INF(3)),
    HIST("h_bucket{le=\"1\"} 1 # {id=\"x\"} 0.5\n" INF(3)),
    HIST("h_bucket{a=\"1\",le=\"+Inf\"} 1\nh_bucket{a=\"2\",le=\"+Inf\"} 2\n"),
    HIST(
        "h_bucket{le=\"1\"} 1 5\nh_bucket{le=\"+Inf\"} 1 5\nh_bucket{le=\"1\"} 1 6\nh_bucket{le=\"+Inf\"} 2 6\n"),
    GHIST(GINF(0)),
    GHIST("g_bucket{le=\"1\"} 4\n" GINF(5) "g_gcount 5\ng_gsum 3\n"),
    GHIST("g_bucket{le=\"-1\"} 4\n" GINF(5) "g_gcount 5\ng_gsum -3\n"),
    GHIST("g_bucket{le=\"1\"} 4 # {id=\"x\"} 0.5\n" GINF(5)),
    /* summaries */
    SUMMARY(""),
    SUMMARY("s_count 5\ns_sum 7\ns_created 1\n"),
    SUMMARY("s{quantile=\"0\"} 1\ns{quantile=\"0.5\"} NaN\ns{quantile=\"1\"} 3\ns_count 1\n"),
    SUMMARY("s{a=\"1\",quantile=\"0.5\"} 1\ns_sum{a=\"1\"} 1\ns{a=\"2\",quantile=\"0.5\"} 1\n"),
    /* infos and states */
    "# TYPE build info\nbuild_info{version=\"1\"} 1\nbuild_info{version=\"2\"} 1\n" END,
    "# TYPE mode stateset\nmode{mode=\"on\"} 1\nmode{mode=\"off\"} 0\n" END,
    "# TYPE mode stateset\nmode{mode=\"on\",a=\"1\"} 1.0\nmode{mode=\"off\",a=\"1\"} 0\nmode{mode=\"on\",a=\"2\"} 0\n" END,
    /* names that only look as if they clashed */
    "# TYPE a gauge\na 1\n# TYPE ab gauge\nab 1\n" END,
    "# TYPE a counter\na_total 1\n# TYPE a_bucket gauge\na_bucket 1\n" END,
};

static const char *const invalid[] = {
    /* the end */
    "",
    "\n",
    "temp 1\n",
    "temp 1\n#EOF\n",
    "temp 1\n# EOF \n",
    "temp 1\n# eof\n",
    "temp 1\n # EOF\n",
    "temp 1\n# EOF\n\n",
    "temp 1\n# EOF\ntemp 2\n",
    "temp 1\n# EOF temp\n",
    END END,
    /* lines */
    "temp 1\n\ntemp2 1\n" END,
    " temp 1\n" END,
    "temp 1\r\n" END,
    "temp\t1\n" END,
    "# a comment\n" END,
    "#\n" END,
    "# \n" END,
    /* names */
    "5temp 1\n" END,
    "te-mp 1\n" END,
    "te.mp 1\n" END,
    "température 1\n" END,
    "{room=\"a\"} 1\n" END,
    /* labels */
    "temp{room=a} 1\n" END,
    "temp{room='a'} 1\n" END,
    "temp{room=\"a} 1\n" END,
    "temp{room=a\"} 1\n" END,
    "temp{room} 1\n" END,
    "temp{room=} 1\n" END,
    "temp{\"a\"} 1\n" END,
    "temp{=\"a\"} 1\n" END,
    "temp{room\"a\"} 1\n" END,
    "temp{room=\"a\"floor=\"1\"} 1\n" END,
    "temp{room=\"a\",,floor=\"1\"} 1\n" END,
    "temp{room=\"a\",} 1\n" END,
    "temp{,room=\"a\"} 1\n" END,
    "temp{,} 1\n" END,
    "temp{ room=\"a\"} 1\n" END,
    "temp{room=\"a\", floor=\"1\"} 1\n" END,
    "temp{room =\"a\"} 1\n" END,
    "temp{1room=\"a\"} 1\n" END,
    "temp{ro:om=\"a\"} 1\n" END,
    "temp{ro-om=\"a\"} 1\n" END,
    "temp{room=\"a\",room=\"a\"} 1\n" END,
    "temp{room=\"a\",room=\"b\"} 1\n" END,
    "temp{room=\"a\"}1\n" END,
    "temp {room=\"a\"} 1\n" END,
    "temp{room=\"a\" 1\n" END,
    "temp room=\"a\"} 1\n" END,
    "temp{room=\"\xff\"} 1\n" END,
    "temp{__name__=\"x\"} 1\n" END,
    /* values */
    "temp\n" END,
    "temp \n" END,
    "temp  1\n" END,
    "temp 1 \n" END,
    "temp 1\t\n" END,
    "temp{}\n" END,
    "temp warm\n" END,
    "temp 1,5\n" END,
    "temp 1_000\n" END,
    "temp 0x1F\n" END,
    "temp 0x1p3\n" END,
    "temp 0b11\n" END,
    "temp 0o17\n" END,
    "temp 1e\n" END,
    "temp .\n" END,
    "temp --1\n" END,
    "temp infinit\n" END,
    /* times */
    "temp 1 now\n" END,
    "temp 1 5s\n" END,
    "temp 1 5 \n" END,
    "temp 1 5 6\n" END,
    "temp 1 1.2.3\n" END,
    "temp 1 1_5\n" END,
    "temp 1 0x5\n" END,
    "temp 1 NaN\n" END,
    "temp 1 Inf\n" END,
    "temp 1 -Inf\n" END,
    GAUGE("temp 1 5\ntemp 1 4\n"),
    GAUGE("temp 1 5.2\ntemp 1 5.1\n"),
    GAUGE("temp 1 -5\ntemp 1 -5.0001\n"),
    GAUGE("temp 1\ntemp 1 5\n"),
    GAUGE("temp 1 5\ntemp 1\n"),
    GAUGE("temp 1\ntemp 1\n"),
    /* metadata */
    "# HELP\n" END,
    "# HELP \n" END,
    "# HELP temp\n" END,
    "# HELP\ttemp x\n" END,
    "# HELP 5temp x\n" END,
    "# HELP temp \xff\n" END,
    "#HELP temp x\n" END,
    "#  HELP temp x\n" END,
    "# help temp x\n" END,
    "# TYPE\n" END,
    "# TYPE temp\n" END,
    "# TYPE temp \n" END,
    "# TYPE temp gauge \n" END,
    "# TYPE temp  gauge\n" END,
    "# TYPE temp Gauge\n" END,
    "# TYPE temp untyped\n" END,
    "# TYPE temp thermometer\n" END,
    "# UNIT\n" END,
    "# UNIT temp_celsius\n" END,
    "# UNIT temp celsius\n" END,
    "# UNIT celsius celsius\n" END,
    "# UNIT tempcelsius celsius\n" END,
    "# UNIT temp_celsius celsius \n" END,
    "# TYPE temp_s info\n# UNIT temp_s s\n" END,
    "# TYPE temp_s stateset\n# UNIT temp_s s\n" END,
    "# TYPE c_s counter\n# UNIT c_s m\nc_s_total 1\n" END,
    "# SORT temp x\n" END,
    "# HELP temp x\n# HELP temp x\n" END,
    "# TYPE temp gauge\n# TYPE temp gauge\n" END,
    "# UNIT temp_s s\n# UNIT temp_s s\n" END,
    "# TYPE temp gauge\ntemp 1\n# HELP temp x\n" END,
    "temp 1\n# TYPE temp gauge\n" END,
    "# UNIT temp_s s\ntemp_s 1\n# TYPE temp_s gauge\n" END,
    /* families */
    "# TYPE temp gauge\n# TYPE other gauge\n# TYPE temp gauge\n" END,
    "# TYPE temp gauge\ntemp 1\nother 1\ntemp{a=\"1\"} 1\n" END,
    "# TYPE c counter\n# TYPE c info\n" END,
    "# TYPE c_total gauge\n# TYPE c counter\n" END,
    "# TYPE c counter\n# TYPE c_created gauge\n" END,
    "# TYPE h histogram\n# TYPE h_bucket gauge\n" END,
    COUNTER("c 1\n"),
    COUNTER("c_total 1\nother 1\nc_total{a=\"1\"} 1\n"),
    GAUGE("temp{a=\"1\"} 1\ntemp{a=\"2\"} 1\ntemp{a=\"1\"} 1\n"),
    HIST(
        "h_bucket{a=\"1\",le=\"+Inf\"} 0\nh_bucket{a=\"2\",le=\"+Inf\"} 0\nh_created{a=\"1\"} 0\n"),
    SUMMARY("s_sum{a=\"1\"} 0\ns_sum{a=\"2\"} 0\ns_count{a=\"1\"} 0\n"),
    /* counters */
    COUNTER("c_total -1\n"),
    COUNTER("c_total NaN\n"),
    COUNTER("c_total 1 # {a=\"" X32 X32 X32 X32 "\"} 1\n"), /* 129 */
    /* exemplars */
    GAUGE("temp 1 # {a=\"b\"} 1\n"),
    "temp 1 # {a=\"b\"} 1\n" END,
    COUNTER("c_created 1 # {a=\"b\"} 1\n"),
    HIST(INF(1) "h_sum 1 # {a=\"b\"} 1\nh_count 1\n"),
    HIST(INF(1) "h_sum 1\nh_count 1 # {a=\"b\"} 1\n"),
    GHIST(GINF(1) "g_gsum 1\ng_gcount 1 # {a=\"b\"} 1\n"),
    SUMMARY("s{quantile=\"0.5\"} 1 # {a=\"b\"} 1\n"),
    SUMMARY("s_count 1 # {a=\"b\"} 1\n"),
    "# TYPE build info\nbuild_info{version=\"1\"} 1 # {a=\"b\"} 1\n" END,
    "# TYPE mode stateset\nmode{mode=\"on\"} 1 # {a=\"b\"} 1\n" END,
    COUNTER("c_total 1 #\n"),
    COUNTER("c_total 1 # \n"),
    COUNTER("c_total 1 # {}\n"),
    COUNTER("c_total 1 # {} \n"),
    COUNTER("c_total 1 # {}1\n"),
    COUNTER("c_total 1 #{} 1\n"),
    COUNTER("c_total 1# {} 1\n"),
    COUNTER("c_total 1 # {} 1 \n"),
    COUNTER("c_total 1 # {} 1 1 \n"),
    COUNTER("c_total 1 # {} 1 1 1\n"),
    COUNTER("c_total 1 # {} 0x1\n"),
    COUNTER("c_total 1 # {} 1 1_1\n"),
    COUNTER("c_total 1 # {a=\"b\" 1\n"),
    COUNTER("c_total 1 # a=\"b\"} 1\n"),
    COUNTER("c_total 1 {a=\"b\"} 1\n"),
    COUNTER("c_total 1 # {a=\"b\",a=\"b\"} 1\n"),
    /* histograms */
    HIST("h 1\n"),
    HIST("h_bucket 1\n"),
    HIST("h_bucket{le=\"\"} 1\n"),
    HIST("h_bucket{le=\"many\"} 1\n" INF(1)),
    HIST("h_bucket{le=\"NaN\"} 1\n" INF(1)),
    HIST("h_bucket{le=\"Inf\"} 1\n"),
    HIST("h_bucket{le=\"+inf\"} 1\n"),
    HIST("h_bucket{le=\"1\"} 1\n"),
    HIST("h_sum 1\nh_count 1\n"),
    HIST("h_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 1\n" INF(1)),
    HIST("h_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 1\n" INF(1)),
    HIST("h_bucket{le=\"1\"} 2\n" INF(1)),
    HIST("h_bucket{le=\"1\"} -1\n" INF(1)),
    HIST("h_bucket{le=\"1\"} NaN\n" INF(1)),
    HIST("h_bucket{le=\"1\"} 0.5\n" INF(1)),
    HIST(INF(1) "h_sum 1\n"),
    HIST(INF(1) "h_count 1\n"),
    HIST(INF(1) "h_count 2\nh_sum 1\n"),
    HIST(INF(1) "h_count NaN\nh_sum 1\n"),
    HIST(INF(1) "h_count 1\nh_sum NaN\n"),
    HIST(INF(1) "h_count 1\nh_sum -1\n"),
    HIST("h_bucket{le=\"-1\"} 1\n" INF(1) "h_count 1\nh_sum 1\n"),
    GHIST("g_bucket{le=\"1\"} 1\n"),
    GHIST("g_bucket 1\n"),
    GHIST("g_gcount 1\ng_gsum 1\n"),
    GHIST(GINF(1) "g_gsum 1\n"),
    GHIST(GINF(1) "g_gcount 1\n"),
    GHIST(GINF(1) "g_gcount 0.5\ng_gsum 1\n"),
    GHIST(GINF(1) "g_gcount 1\ng_gsum NaN\n"),
    GHIST(GINF(1) "g_gcount 1\ng_gsum -1\n"),
    GHIST(GINF(-1)),
    GHIST(GINF(0.5)),
    /* summaries */
    SUMMARY("s 1\n"),
    SUMMARY("s{quantile=\"half\"} 1\n"),
    SUMMARY("s{quantile=\"-0.5\"} 1\n"),
    SUMMARY("s{quantile=\"1.5\"} 1\n"),
    SUMMARY("s{quantile=\"NaN\"} 1\n"),
    SUMMARY("s{quantile=\"0.5\"} -1\n"),
    SUMMARY("s_sum -1\n"),
    SUMMARY("s_sum NaN\n"),
    SUMMARY("s_count -1\n"),
    SUMMARY("s_count 0.5\n"),
    SUMMARY("s_count NaN\n"),
    /* infos and states */
    "# TYPE build info\nbuild 1\n" END,
    "# TYPE build info\nbuild_info{version=\"1\"} 0\n" END,
    "# TYPE build info\nbuild_info{version=\"1\"} 2\n" END,
    "# TYPE mode stateset\nmode 1\n" END,
    "# TYPE mode stateset\nmode{state=\"on\"} 1\n" END,
    "# TYPE mode stateset\nmode{mode=\"on\"} 2\n" END,
    "# TYPE mode stateset\nmode{mode=\"on\"} 0.5\n" END,
    "# TYPE mode stateset\nmode{mode=\"on\"} NaN\n" END,
};

static void valid_texts_pass(void **state)
{
    for (size_t i = 0; i < array_len(valid); i++) {
        struct err err = {0};
        char line[600];
        if (openmetrics_check(str_of(valid[i]), &err) < 0)
            fail_msg("refused: %s\n%s", err_text(&err, line, sizeof(line)), valid[i]);
    }
}

static void invalid_texts_do_not(void **state)
{
    for (size_t i = 0; i < array_len(invalid); i++) {
        struct err err = {0};
        if (openmetrics_check(str_of(invalid[i]), &err) == 0)
            fail_msg("accepted:\n%s", invalid[i]);
        assert_int_equal(err.code == ERR_MALFORMED || err.code == ERR_CONFLICT, true);
        assert_true(err.at_line > 0 && err.at_column > 0);
        assert_int_equal(openmetrics_check(str_of(invalid[i]), NULL), -1);
    }
    printf("%zu valid, %zu invalid\n", array_len(valid), array_len(invalid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts_pass),
        cmocka_unit_test(invalid_texts_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
