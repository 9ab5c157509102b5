/* The WAF monitor's settings by meaning: import_waf_keys.c reads them, import_waf.c writes
 * belfry.yaml from them. */
#ifndef CLI_IMPORT_WAF_H
#define CLI_IMPORT_WAF_H

#include "cli/import.h"

/* X(FIELD, about probing?, spellings: key, or path_of_keys) */
#define WAF_KEYS(X)                                                                                \
    X(INTERVAL, true, "interval", "check_interval", "monitor_interval", "interval_seconds",        \
      "period")                                                                                    \
    X(TIMEOUT, true, "timeout", "request_timeout", "check_timeout", "timeout_seconds",             \
      "http_timeout")                                                                              \
    X(THRESHOLD, true, "threshold", "failure_threshold", "fail_threshold", "alert_threshold",      \
      "error_threshold", "unhealthy_threshold", "max_failures", "consecutive_failures",            \
      "fail_count", "health_threshold")                                                            \
    X(RETRIES, true, "retries", "retry", "retry_times", "max_retries", "retry_count")              \
    X(ATTEMPTS, true, "attempts")                                                                  \
    X(RESEND, false, "resend_interval", "alert_interval", "alert_cooldown", "repeat_interval",     \
      "silence_interval", "alert_repeat_interval", "cooldown")                                     \
    X(VERIFY, true, "verify", "verify_ssl", "ssl_verify")                                          \
    X(STATUS, true, "expected_status", "expected_status_code", "status_code", "status_codes",      \
      "expected_codes")                                                                            \
    X(TARGETS, true, "targets", "urls", "url_list")                                                \
    X(NAME, true, "name", "group_name", "description")                                             \
    X(WECHAT_ON, false, "enable_wechat_alert", "wechat_enabled", "wechat_enable", "enable_wechat", \
      "wecom_enabled", "wecom_enable", "enable_wecom_alert")                                       \
    X(WECHAT_URL, false, "wechat_webhook", "wechat_webhook_url", "wechat_url", "webhook",          \
      "webhook_url", "wecom_webhook", "wecom_webhook_url", "wecom_url", "qywx_webhook",            \
      "work_wechat_webhook")                                                                       \
    X(MENTION_ALL, false, "mention_all", "at_all")                                                 \
    X(MENTIONED, false, "mentioned_list", "mentioned_users")                                       \
    X(MENTIONED_MOBILE, false, "mentioned_mobile_list", "mentioned_mobiles")                       \
    X(EMAIL_ON, false, "enable_email_alert", "email_enabled", "email_enable", "enable_email")      \
    X(SMTP_HOST, false, "smtp_server", "smtp_host", "email_server", "email_host", "mail_host",     \
      "mail_server")                                                                               \
    X(SMTP_PORT, false, "smtp_port", "email_port", "mail_port")                                    \
    X(SMTP_USER, false, "smtp_user", "smtp_username", "email_user", "email_username", "mail_user", \
      "email_smtp_user")                                                                           \
    X(SMTP_PASSWORD, false, "smtp_password", "smtp_pass", "email_password", "mail_pass",           \
      "mail_password", "email_pass")                                                               \
    X(SMTP_FROM, false, "sender", "from", "email_from", "from_addr", "smtp_from", "mail_from",     \
      "sender_email", "email_sender", "smtp_sender")                                               \
    X(SMTP_TO, false, "recipients", "receivers", "receiver", "to", "to_addrs", "email_to",         \
      "mail_to", "email_recipients", "email_receivers", "smtp_to", "recipient")                    \
    X(SMTP_TLS, false, "use_tls", "starttls", "smtp_tls", "smtp_use_tls", "email_use_tls")         \
    X(SMTP_SSL, false, "use_ssl", "smtp_ssl", "smtp_use_ssl", "email_use_ssl")                     \
    X(LOG_LEVEL, false, "log_level", "logging_level")                                              \
    X(LOG_DAYS, false, "log_keep_days", "log_backup_count", "backup_count", "log_retention_days",  \
      "keep_days")                                                                                 \
    X(NOT_NEEDED, false, "max_workers", "thread_count", "threads", "max_threads",                  \
      "thread_pool_size", "targets_file", "target_file", "log_dir", "log_file", "data_dir",        \
      "state_file", "group_id", "version", "user_agent", "process_name", "max_restarts",           \
      "restart_interval")

enum waf_field {
#define X(name, probing, ...) WAF_##name,
    WAF_KEYS(X)
#undef X
        WAF_FIELDS
};

struct waf_settings {
    struct {
        const struct node *value; /* NULL: not given */
        const char *origin;       /* "global.json: smtp.server" */
    } at[WAF_FIELDS];
};

/* A file's settings; an absent file has none. -1: it is not JSON. Unknown keys go to p. */
int waf_read_settings(const struct import_file *f, struct arena *a, struct waf_settings *out,
                      struct problems *p, struct err *err);

#endif
