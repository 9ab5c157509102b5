/* Go's fmt.Sprintf for the values of templates (template.h): verbs v s q d b o O x X c U e E f F g G t T, flags + - # 0 and
 * space, width, precision and * for either. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/template_priv.h"

#define WIDTH_MAX     10000
#define PRECISION_MAX 300
#define NUMBER_SIZE   (PRECISION_MAX + 340)

struct directive {
    bool plus, minus, sharp, space, zero;
    int width, precision; /* -1: none */
    char verb;            /* 0: the format ends before it */
    struct str rune;      /* the verb as it stands */
};

struct printer {
    const struct template_env *env;
    const struct tvalue *args;
    int n, next;
    struct buf *out;
    struct err *err;
};

/* ---- floats ---- */

/* d.ddde+XX of the fewest digits that read back the same. */
static void shortest(double v, char *text, size_t size)
{
    for (int digits = 0; digits <= 17; digits++) {
        snprintf(text, size, "%.*e", digits, v);
        if (strtod(text, NULL) == v)
            return;
    }
}

static int exponent_of(const char *text)
{
    const char *e = strchr(text, 'e');
    must(e != NULL);
    return (int)strtol(e + 1, NULL, 10);
}

/* The digits of d.ddde+XX as %f writes them. */
static void plain_digits(struct buf *out, const char *text)
{
    char digits[32];
    int n = 0, exponent = exponent_of(text);
    if (*text == '-') {
        buf_putc(out, '-');
        text++;
    }
    for (; *text != 'e'; text++)
        if (*text != '.')
            digits[n++] = *text;
    must(n > 0 && n < (int)sizeof(digits));
    if (exponent < 0) {
        buf_puts(out, "0.");
        for (int i = -1; i > exponent; i--)
            buf_putc(out, '0');
        buf_add(out, digits, (size_t)n);
        return;
    }
    for (int i = 0; i <= exponent || i < n; i++) {
        if (i == exponent + 1)
            buf_putc(out, '.');
        buf_putc(out, i < n ? digits[i] : '0');
    }
}

void template_float(struct buf *out, double v, char verb, int precision)
{
    char text[NUMBER_SIZE], format[] = "%.*g";
    must(precision <= PRECISION_MAX && (verb == 'e' || verb == 'f' || verb == 'g'));
    if (isnan(v) || isinf(v)) {
        buf_puts(out, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
        return;
    }
    if (precision >= 0) {
        format[3] = verb;
        snprintf(text, sizeof(text), format, precision, v);
        buf_puts(out, text);
        return;
    }
    shortest(v, text, sizeof(text));
    int exponent = exponent_of(text);
    if (verb == 'e' || (verb == 'g' && (exponent < -4 || exponent >= 6)))
        buf_puts(out, text);
    else
        plain_digits(out, text);
}

/* ---- one value ---- */

static const char *type_name(const struct tvalue *v)
{
    static const char *const names[] = {
        [TV_NULL] = "<nil>",
        [TV_TEXT] = "string",
        [TV_INT] = "int",
        [TV_FLOAT] = "float64",
        [TV_BOOL] = "bool",
        [TV_TIME] = "time.Time",
        [TV_DURATION] = "time.Duration",
        [TV_LIST] = "[]interface {}",
        [TV_MAP] = "map[string]interface {}",
        [TV_OBJECT] = "struct",
    };
    must(v->kind < array_len(names));
    return v->kind == TV_MAP && v->texts ? "map[string]string" : names[v->kind];
}

/* Pads to the width, in characters; zeros go behind the sign. */
static void put_padded(struct printer *p, const struct directive *d, struct str s, bool number)
{
    int size = (int)utf8_count(s.p, s.n);
    int pad = d->width > size ? d->width - size : 0;
    bool sign = number && s.n > 0 && (s.p[0] == '-' || s.p[0] == '+' || s.p[0] == ' ');
    if (d->zero && !d->minus && pad > 0) {
        buf_add(p->out, s.p, sign);
        for (int i = 0; i < pad; i++)
            buf_putc(p->out, '0');
        buf_add(p->out, s.p + sign, s.n - sign);
        return;
    }
    for (int i = 0; i < pad && !d->minus; i++)
        buf_putc(p->out, ' ');
    buf_add(p->out, s.p, s.n);
    for (int i = 0; i < pad && d->minus; i++)
        buf_putc(p->out, ' ');
}

static void put_bad(struct printer *p, const struct directive *d, const struct tvalue *v)
{
    struct str text = STR("");
    if (v->kind != TV_NULL)
        template_text(p->env, v, &text, NULL);
    buf_printf(p->out, "%%!%.*s(", (int)d->rune.n, d->rune.p);
    if (v->kind == TV_NULL)
        buf_puts(p->out, "<nil>");
    else
        buf_printf(p->out, "%s=%.*s", type_name(v), (int)text.n, text.p);
    buf_putc(p->out, ')');
}

static void put_float(struct printer *p, const struct directive *d, double v)
{
    char text[NUMBER_SIZE];
    struct buf b = BUF_FIXED(text);
    char verb = d->verb == 'v' ? 'g' : (char)tolower((unsigned char)d->verb);
    int precision = d->precision >= 0 ? d->precision : verb == 'g' ? -1 : 6;
    if (isfinite(v) && d->plus && !signbit(v))
        buf_putc(&b, '+');
    else if (isfinite(v) && d->space && !signbit(v))
        buf_putc(&b, ' ');
    template_float(&b, v, verb, precision);
    struct str s = {text, b.len};
    if (isupper((unsigned char)d->verb))
        for (size_t i = 0; i < b.len; i++)
            if (text[i] == 'e')
                text[i] = 'E';
    struct directive padded = *d;
    padded.zero &= isfinite(v);
    put_padded(p, &padded, s, true);
}

static size_t put_digits(char *text, size_t size, uint64_t v, unsigned base, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    size_t at = size;
    do {
        text[--at] = digits[v % base];
        v /= base;
    } while (v > 0);
    return at;
}

static void put_int(struct printer *p, const struct directive *d, int64_t v, unsigned base)
{
    char text[80];
    bool upper = d->verb == 'X';
    size_t at = put_digits(text, sizeof(text), v < 0 ? -(uint64_t)v : (uint64_t)v, base, upper);
    while (d->precision > 0 && sizeof(text) - at < (size_t)d->precision && at > 8)
        text[--at] = '0';
    if ((d->sharp && base == 16) || d->verb == 'O') {
        text[--at] = d->verb;
        text[at] = base == 16 ? (upper ? 'X' : 'x') : 'o';
        text[--at] = '0';
    } else if (d->sharp && base == 8 && text[at] != '0') {
        text[--at] = '0';
    }
    if (v < 0 || d->plus || d->space)
        text[--at] = v < 0 ? '-' : d->plus ? '+' : ' ';
    put_padded(p, d, (struct str){text + at, sizeof(text) - at}, true);
}

static void put_quoted(struct printer *p, const struct directive *d, struct str s)
{
    struct buf b = BUF_INIT(TEMPLATE_TEXT_MAX);
    static const char from[] = "\a\b\f\n\r\t\v", to[] = "abfnrtv";
    buf_putc(&b, '"');
    for (size_t i = 0, len; i<s.n; i += len> 0 ? len : 1) {
        unsigned char c = (unsigned char)s.p[i];
        const char *simple = c != 0 ? strchr(from, c) : NULL;
        len = utf8_char(s.p + i, s.n - i);
        if (c == '"' || c == '\\')
            buf_printf(&b, "\\%c", c);
        else if (simple != NULL)
            buf_printf(&b, "\\%c", to[simple - from]);
        else if (len == 0 || c < 0x20 || c == 0x7f)
            buf_printf(&b, "\\x%02x", c);
        else
            buf_add(&b, s.p + i, len);
    }
    buf_putc(&b, '"');
    put_padded(p, d, (struct str){b.data, b.len}, false);
    buf_done(&b);
}

static void put_text(struct printer *p, const struct directive *d, struct str s)
{
    size_t keep = 0;
    for (int chars = 0; d->precision >= 0 && chars < d->precision && keep < s.n; chars++) {
        size_t len = utf8_char(s.p + keep, s.n - keep);
        keep += len > 0 ? len : 1;
    }
    if (d->precision >= 0)
        s.n = keep;
    if (d->verb == 'q') {
        put_quoted(p, d, s);
    } else if (d->verb == 'x' || d->verb == 'X') {
        struct buf b = BUF_INIT(TEMPLATE_TEXT_MAX);
        for (size_t i = 0; i < s.n; i++)
            buf_printf(&b, d->verb == 'x' ? "%02x" : "%02X", (unsigned char)s.p[i]);
        put_padded(p, d, (struct str){b.data != NULL ? b.data : "", b.len}, false);
        buf_done(&b);
    } else {
        put_padded(p, d, s, false);
    }
}

static int put_value(struct printer *p, const struct directive *d, const struct tvalue *v);

static int put_list(struct printer *p, const struct directive *d, const struct tvalue *v)
{
    buf_putc(p->out, '[');
    for (size_t i = 0; i < v->list.n && !p->out->failed; i++) {
        if (i > 0)
            buf_putc(p->out, ' ');
        bool nested = v->list.at[i].kind == TV_LIST; /* not by verb: the nesting is unbounded */
        struct directive plain = {.width = -1, .precision = -1, .verb = 'v', .rune = STR("v")};
        struct str text;
        if (!nested && put_value(p, d, &v->list.at[i]) != 0)
            return -1;
        if (nested && template_text(p->env, &v->list.at[i], &text, p->err) != 0)
            return -1;
        if (nested)
            put_text(p, &plain, text);
    }
    buf_putc(p->out, ']');
    return 0;
}

/* c, U, q and the bases of a whole number; false: no verb for one. */
static bool put_whole(struct printer *p, const struct directive *d, int64_t v)
{
    char rune[8] = "?";
    switch (d->verb) {
    case 'v':
    case 'd':
        put_int(p, d, v, 10);
        return true;
    case 'b':
        put_int(p, d, v, 2);
        return true;
    case 'o':
    case 'O':
        put_int(p, d, v, 8);
        return true;
    case 'x':
    case 'X':
        put_int(p, d, v, 16);
        return true;
    case 'U':
        buf_printf(p->out, "U+%04llX", (unsigned long long)v);
        return true;
    case 'c':
        template__rune(rune, v);
        put_padded(p, d, str_of(rune), false);
        return true;
    default:
        return false;
    }
}

static int put_value(struct printer *p, const struct directive *d, const struct tvalue *v)
{
    struct str text;
    if (d->verb == 'T') {
        put_padded(p, d, str_of(type_name(v)), false);
        return 0;
    }
    if (v->kind == TV_LIST && strchr("vsqdxXfeg", d->verb) != NULL)
        return put_list(p, d, v);
    bool as_float = strchr("veEfFgG", d->verb) != NULL;
    bool as_text = strchr("vsqxX", d->verb) != NULL;
    if (v->kind == TV_INT && put_whole(p, d, v->num))
        return 0;
    if (v->kind == TV_FLOAT && as_float) {
        put_float(p, d, v->f64);
        return 0;
    }
    if (v->kind == TV_TEXT && as_text) {
        put_text(p, d, v->text);
        return 0;
    }
    bool plain =
        d->verb == 'v' || (d->verb == 't' && v->kind == TV_BOOL) ||
        (d->verb == 's' && (v->kind == TV_TIME || v->kind == TV_DURATION || v->kind == TV_MAP));
    if (!plain) {
        put_bad(p, d, v);
        return 0;
    }
    if (v->kind == TV_NULL)
        text = STR("<nil>");
    else if (template_text(p->env, v, &text, p->err) != 0)
        return -1;
    put_padded(p, d, text, false);
    return 0;
}

/* ---- the format ---- */

/* A number or *. */
static int read_number(struct printer *p, struct str f, size_t *i, int max, int *out)
{
    if (*i < f.n && f.p[*i] == '*') {
        (*i)++;
        if (p->next >= p->n || p->args[p->next].kind != TV_INT ||
            llabs(p->args[p->next].num) > max) {
            p->next += p->next < p->n;
            return err_set(p->err, ERR_MALFORMED, "the argument of * is not a small whole number");
        }
        *out = (int)p->args[p->next++].num;
        return 0;
    }
    if (*i == f.n || !isdigit((unsigned char)f.p[*i]))
        return 0;
    *out = 0;
    for (; *i < f.n && isdigit((unsigned char)f.p[*i]); (*i)++) {
        *out = *out * 10 + (f.p[*i] - '0');
        if (*out > max)
            return err_set(p->err, ERR_TOO_LARGE, "width or precision over %d", max);
    }
    return 0;
}

/* From behind the %. */
static int read_directive(struct printer *p, struct str f, size_t *i, struct directive *d)
{
    *d = (struct directive){.width = -1, .precision = -1};
    for (bool flag = true; flag && *i < f.n; *i += flag) {
        char c = f.p[*i];
        d->plus |= c == '+';
        d->minus |= c == '-';
        d->sharp |= c == '#';
        d->space |= c == ' ';
        d->zero |= c == '0';
        flag = strchr("+-# 0", c) != NULL && c != '\0';
    }
    if (read_number(p, f, i, WIDTH_MAX, &d->width) != 0)
        return -1;
    if (d->width < -1) {
        d->minus = true;
        d->width = -d->width;
    }
    if (*i < f.n && f.p[*i] == '.') {
        (*i)++;
        d->precision = 0;
        if (read_number(p, f, i, PRECISION_MAX, &d->precision) != 0)
            return -1;
    }
    if (*i == f.n)
        return 0;
    size_t len = utf8_char(f.p + *i, f.n - *i);
    d->verb = f.p[*i];
    d->rune = (struct str){f.p + *i, len > 0 ? len : 1};
    *i += d->rune.n;
    return 0;
}

static void put_extra(struct printer *p)
{
    if (p->next >= p->n)
        return;
    buf_puts(p->out, "%!(EXTRA ");
    for (int i = p->next; i < p->n; i++) {
        struct str text = STR("<nil>");
        if (p->args[i].kind != TV_NULL)
            template_text(p->env, &p->args[i], &text, NULL);
        buf_printf(p->out, "%s%s=", i > p->next ? ", " : "", type_name(&p->args[i]));
        buf_add(p->out, text.p, text.n);
    }
    buf_putc(p->out, ')');
}

static int put_directive(struct printer *p, const struct directive *d)
{
    if (d->verb == 0) {
        buf_puts(p->out, "%!(NOVERB)");
        return 0;
    }
    if (d->verb == '%') {
        buf_putc(p->out, '%');
        return 0;
    }
    if (p->next >= p->n) {
        buf_printf(p->out, "%%!%.*s(MISSING)", (int)d->rune.n, d->rune.p);
        return 0;
    }
    return put_value(p, d, &p->args[p->next++]);
}

int template_printf(const struct template_env *env, struct str format, const struct tvalue *args,
                    int n, struct buf *out, struct err *err)
{
    struct printer p = {.env = env, .args = args, .n = n, .out = out, .err = err};
    for (size_t i = 0; i < format.n && !out->failed;) {
        if (format.p[i] != '%') {
            buf_putc(out, format.p[i++]);
            continue;
        }
        struct directive d;
        i++;
        if (read_directive(&p, format, &i, &d) != 0 || put_directive(&p, &d) != 0)
            return -1;
    }
    put_extra(&p);
    return 0;
}
