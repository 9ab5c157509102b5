/* Numbers as rules' templates write them for people (rule.h): SI and binary prefixes, durations, per cent; four digits. */
#include <math.h>
#include <string.h>

#include "base/must.h"
#include "rule/template_priv.h"

static int give(const struct template_env *env, const char *sign, double v, const char *prefix,
                const char *unit, struct tvalue *out)
{
    char text[64];
    struct buf b = BUF_FIXED(text);
    buf_puts(&b, sign);
    template_float(&b, v, 'g', 4);
    buf_puts(&b, prefix);
    buf_puts(&b, unit);
    *out = tv_text(arena_strdup(env->arena, text));
    return 0;
}

static const char *const large[] = {"", "k", "M", "G", "T", "P", "E", "Z", "Y"};
static const char *const small[] = {"", "m", "u", "n", "p", "f", "a", "z", "y"};

/* How often the base goes into v; *v is what is left. */
static size_t scale_down(double *v, double base)
{
    size_t i = 0;
    must(base > 1);
    for (; i + 1 < array_len(large) && fabs(*v) >= base; i++)
        *v /= base;
    return i;
}

static size_t scale_up(double *v)
{
    size_t i = 0;
    for (; i + 1 < array_len(small) && fabs(*v) < 1; i++)
        *v *= 1000;
    return i;
}

int rule__humanize(const struct template_env *env, const struct tvalue *args, int n,
                   struct tvalue *out, struct err *err)
{
    double v;
    if (rule__number(&args[0], &v, err) != 0)
        return -1;
    if (v == 0 || !isfinite(v))
        return give(env, "", v, "", "", out);
    if (fabs(v) >= 1) {
        const char *prefix = large[scale_down(&v, 1000)];
        return give(env, "", v, prefix, "", out);
    }
    const char *prefix = small[scale_up(&v)];
    return give(env, "", v, prefix, "", out);
}

int rule__humanize_1024(const struct template_env *env, const struct tvalue *args, int n,
                        struct tvalue *out, struct err *err)
{
    double v;
    if (rule__number(&args[0], &v, err) != 0)
        return -1;
    if (fabs(v) <= 1 || !isfinite(v))
        return give(env, "", v, "", "", out);
    size_t i = scale_down(&v, 1024);
    return give(env, "", v, i == 1 ? "k" : large[i], i > 0 ? "i" : "", out);
}

static const char *whole_duration(struct arena *a, const char *sign, int64_t s)
{
    must(s >= 0);
    long long days = s / 86400, hours = s / 3600 % 24, minutes = s / 60 % 60, seconds = s % 60;
    if (days != 0)
        return arena_printf(a, "%s%lldd %lldh %lldm %llds", sign, days, hours, minutes, seconds);
    if (hours != 0)
        return arena_printf(a, "%s%lldh %lldm %llds", sign, hours, minutes, seconds);
    return arena_printf(a, "%s%lldm %llds", sign, minutes, seconds);
}

int rule__humanize_duration(const struct template_env *env, const struct tvalue *args, int n,
                            struct tvalue *out, struct err *err)
{
    double v;
    if (rule__number(&args[0], &v, err) != 0)
        return -1;
    if (!isfinite(v))
        return give(env, "", v, "", "", out);
    if (v == 0)
        return give(env, "", v, "", "s", out);
    if (fabs(v) < 1) {
        const char *prefix = small[scale_up(&v)];
        return give(env, "", v, prefix, "s", out);
    }
    const char *sign = v < 0 ? "-" : "";
    v = fabs(v);
    if (v < 60)
        return give(env, sign, v, "", "s", out);
    int64_t seconds = v < 9e18 ? (int64_t)v : INT64_MAX;
    *out = tv_text(whole_duration(env->arena, sign, seconds));
    return 0;
}

int rule__humanize_percentage(const struct template_env *env, const struct tvalue *args, int n,
                              struct tvalue *out, struct err *err)
{
    double v;
    if (rule__number(&args[0], &v, err) != 0)
        return -1;
    return give(env, "", v * 100, "", "%", out);
}
