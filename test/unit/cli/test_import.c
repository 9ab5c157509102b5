/* Importers: sample inputs become configurations that load and say what the old ones said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/import.h"
#include "imported.h"

static struct imported begin(void)
{
    struct imported t = imported_begin();
    snprintf(t.dir, sizeof(t.dir), "/tmp/belfry-import-XXXXXX");
    assert_non_null(mkdtemp(t.dir));
    return t;
}

static void put(struct imported *t, const char *name, const char *text)
{
    char *path = arena_printf(t->arena, "%s/%s", t->dir, name);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
    *slash = '/';
    assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644, false, NULL), 0);
}

static void end(struct imported *t)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", t->dir);
    assert_int_equal(system(command), 0);
    imported_end(t);
}

static const struct config_channel *channel(const struct config *c, const char *name)
{
    for (uint32_t i = 0; i < c->n_channels; i++)
        if (streq(c->channels[i].name, name))
            return &c->channels[i];
    return NULL;
}

static void test_waf(void **state)
{
    struct imported t = begin();
    put(&t, "conf/global.json",
        "{\"check_interval\": 60, \"timeout\": 10, \"threshold\": 2, \"enable_wechat_alert\": true,"
        "\"enable_email_alert\": false, \"wechat_webhook\": \"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k$1\","
        "\"email\": {\"smtp_server\": \"smtp.example.com\", \"smtp_port\": 465, \"user\": \"x\", \"smtp_user\": \"m@example.com\","
        " \"password\": \"p\", \"smtp_password\": \"s3cret\", \"recipients\": [\"a@example.com\", \"b@example.com; c@example.com\"]},"
        "\"log_level\": \"DEBUG\", \"max_workers\": 20, \"colour\": \"blue\"}");
    put(&t, "conf/group1.json",
        "{\"group_name\": \"生产环境\", \"interval\": 5, \"enable_email_alert\": true, \"alert\": {\"cooldown\": 600}}");
    put(&t, "conf/targets_group1.txt",
        "# targets\nhttps://www.example.com/health\nwww.example.org\n官网 https://cn.example.com/\nhttps://www.example.com/health\nnonsense\n");
    put(&t, "conf/group10.json",
        "{\"wechat\": {\"webhook\": \"https://other.example.com/hook\"}, \"timeout\": \"soon\"}");
    put(&t, "conf/group2.json", "{\"enable_wechat_alert\": false}");
    put(&t, "conf/targets_group2.txt", "http://two.example.com/\n");
    struct err err = {0};
    assert_int_equal(import_waf(t.dir, &t.yaml, &t.problems, &err), 0);
    imported_load(&t);
    assert_int_equal(t.c->n_groups, 3);
    assert_string_equal(t.c->groups[1].name, "group2");
    assert_int_equal(t.c->groups[0].n_targets, 3);
    const struct config_target *first = &t.c->targets[0];
    assert_int_equal(first->spec.interval_ms, 5000);
    assert_int_equal(first->spec.timeout_ms, 5000); /* shrunk to the interval */
    assert_int_equal(first->spec.threshold, 2);
    assert_int_equal(first->spec.resend_interval_ms, 600000);
    assert_int_equal(first->n_channels, 2);
    assert_non_null(node_get(node_get(first->config, "expect"), "status"));
    assert_non_null(node_get(node_get(first->config, "tls"), "verify"));
    assert_string_equal(t.c->targets[1].url, "http://www.example.org");
    assert_string_equal(t.c->targets[2].spec.name, "官网");
    assert_int_equal(t.c->targets[3].n_channels, 0);
    assert_int_equal(t.c->targets[3].spec.interval_ms, 60000);
    assert_string_equal(channel(t.c, "wecom")->webhook_url,
                        "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k$1");
    assert_true(channel(t.c, "wecom")->enabled);
    assert_non_null(channel(t.c, "wecom-2"));
    const struct config_channel *email = channel(t.c, "email");
    assert_true(email->enabled);
    assert_string_equal(node_get(email->options, "security")->text.p, "tls");
    assert_string_equal(node_get(email->options, "password")->text.p, "s3cret");
    assert_int_equal(node_get(email->options, "to")->count, 3);
    assert_int_equal(t.c->log.level, LOG_DEBUG);
    assert_non_null(strstr(t.yaml.data, "# global.json: check_interval"));
    assert_true(imported_told(&t, "\"colour\""));
    assert_true(imported_told(&t, "\"nonsense\" is no URL"));
    assert_true(imported_told(&t, "twice"));
    assert_true(imported_told(&t, "has no scheme"));
    assert_true(imported_told(&t, "cannot use this value"));
    assert_false(imported_told(&t, "max_workers"));
    end(&t);
}

static void test_waf_faults(void **state)
{
    struct imported t = begin();
    struct err err = {0};
    assert_int_equal(import_waf(t.dir, &t.yaml, &t.problems, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    put(&t, "global.json", "{\n  \"timeout\": 5,\n}");
    err_clear(&err);
    assert_int_equal(import_waf(t.dir, &t.yaml, &t.problems, &err), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    assert_int_equal(err.at_line, 3);
    assert_non_null(strstr(err.where, "global.json"));
    end(&t);
}

/* The seed's own example. */
static const char conf_ini[] =
    "[public]\n"
    "# 监控项导入目录\n"
    "inputFileDir=/nonexistent/docs\n"
    "triggerTplDir=/nonexistent/template\n"
    "logDir=/sdata/var/log/connection_monitor\n"
    "\n[dingtalk]\n"
    "#sendURL=https://oapi.dingtalk.com/robot/send?access_token=123454\n"
    "sendURL=https://oapi.dingtalk.com/robot/send?access_token=5667688\n"
    "atUser = 13800000000, manager01\n"
    "msgtype=text\n"
    "\n[urlcheck]\n"
    "urlCheck=True\n"
    "inputFile=urlInput.txt\n"
    "triggerTplFile=urlTrigger.tpl\n"
    "checkTimes=10\ncheckDelta=1\ntriggerPerc=0.7\ntriggerRequestTime=5\n";

static void test_connmon(void **state)
{
    struct imported t = begin();
    put(&t, "config/conf.ini", conf_ini);
    put(&t, "docs/urlInput.txt",
        "https://www.baidu.com/\nhttps://cn.bing.com/\n\nhttps://github.com/\n");
    put(&t, "docs/template/urlTrigger.tpl",
        "告警: {{ triggerStatus }}\n域名: {url}\n均值 ${requestTimeMean} 秒\n价格 $5 {x}\n");
    struct err err = {0};
    assert_int_equal(import_connmon(t.dir, &t.yaml, &t.problems, &err), 0);
    imported_load(&t);
    assert_int_equal(t.c->n_targets, 3);
    const struct target *s = &t.c->targets[0].spec;
    assert_int_equal(s->burst.times, 10);
    assert_int_equal(s->burst.delta_ms, 1000);
    assert_int_equal(s->burst.max_mean_ms, 5000);
    assert_true(s->burst.min_success == 0.7);
    assert_int_equal(s->attempts, 3);
    assert_int_equal(s->connect_timeout_ms, 3000);
    assert_int_equal(s->interval_ms, 600000);
    const struct config_channel *c = channel(t.c, "dingtalk");
    assert_string_equal(c->webhook_url,
                        "https://oapi.dingtalk.com/robot/send?access_token=5667688");
    assert_string_equal(node_get(c->options, "mentioned_mobiles")->first->text.p, "13800000000");
    assert_string_equal(node_get(c->options, "mentioned_users")->first->text.p, "manager01");
    assert_string_equal(node_get(c->options, "template")->text.p,
                        "告警: {{ .Word }}\n域名: {{ .Instance }}\n价格 $5 {x}\n{{ .Message }}\n");
    assert_true(imported_told(&t, "no counterpart"));
    end(&t);
}

static void test_connmon_sparse(void **state)
{
    struct imported t = begin();
    struct err err = {0};
    assert_int_equal(import_connmon(t.dir, &t.yaml, &t.problems, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    put(&t, "conf.ini", "[urlcheck]\nurlCheck=False\ncheckTimes=many\nnonsense\nunknown=1\n");
    put(&t, "urlInput.txt", "https://a.example.com/\n");
    char *path = arena_printf(t.arena, "%s/conf.ini", t.dir);
    assert_int_equal(import_connmon(path, &t.yaml, &t.problems, &err), 0);
    imported_load(&t);
    assert_false(t.c->targets[0].spec.enabled);
    assert_int_equal(t.c->n_channels, 0);
    assert_true(imported_told(&t, "want a number"));
    assert_true(imported_told(&t, "want key=value"));
    assert_true(imported_told(&t, "\"unknown\""));
    assert_true(imported_told(&t, "nobody is told"));
    end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waf),
        cmocka_unit_test(test_waf_faults),
        cmocka_unit_test(test_connmon),
        cmocka_unit_test(test_connmon_sparse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
