/* Badges: a label and a value beside each other. Widths are those of DejaVu and Verdana at 11 px, to a tenth of a pixel; Chinese, Japanese
 * and Korean characters are as wide as they are high. textLength makes other fonts fit. */
#include "base/str.h"
#include "status/escape.h"
#include "status/render.h"

#define PAD   60 /* tenths of a pixel on each side */
#define WIDE  110
#define OTHER 70

/* Of " " … "~". */
static const unsigned char widths[95] = {
    39, 43,  51, 90, 70, 118, 80, 30, 50, 50, 70, 90, 40, 50,  40, 50, 70, 70,  70,
    70, 70,  70, 70, 70, 70,  70, 50, 50, 90, 90, 90, 60, 110, 75, 75, 77, 85,  70,
    63, 85,  83, 46, 50, 76,  61, 93, 82, 87, 66, 87, 77, 75,  68, 81, 75, 109, 75,
    68, 75,  50, 50, 50, 90,  70, 70, 66, 69, 57, 69, 66, 39,  69, 70, 30, 38,  65,
    30, 107, 70, 67, 69, 69,  47, 57, 43, 70, 65, 90, 65, 65,  58, 70, 50, 70,  90,
};

static bool is_wide(const unsigned char *p, size_t n)
{
    uint32_t c = n == 3 ? (uint32_t)((p[0] & 15) << 12 | (p[1] & 63) << 6 | (p[2] & 63)) : 0;
    return n == 4 || (c >= 0x1100 && c < 0x1160) || (c >= 0x2e80 && c < 0xa4d0) ||
           (c >= 0xac00 && c < 0xd7a4) || (c >= 0xf900 && c < 0xfb00) ||
           (c >= 0xfe30 && c < 0xfe70) || (c >= 0xff00 && c < 0xff61);
}

static uint32_t width_of(const char *text)
{
    uint32_t sum = 0;
    size_t left = strlen(text);
    while (left > 0) {
        size_t n = utf8_char(text, left);
        unsigned char c = (unsigned char)*text;
        if (n == 1 && c >= ' ' && c < ' ' + sizeof(widths))
            sum += widths[c - ' '];
        else
            sum += is_wide((const unsigned char *)text, n) ? WIDE : OTHER;
        n = n ? n : 1;
        text += n;
        left -= n;
    }
    return sum;
}

static void put_tenths(struct buf *out, uint32_t v)
{
    buf_printf(out, "%u.%u", v / 10, v % 10);
}

static void put_words(struct buf *out, const char *text, uint32_t middle, uint32_t width)
{
    static const char *const shades[][2] = {
        {"15", " fill=\"#000\" fill-opacity=\".25\" aria-hidden=\"true\""}, {"14", ""}};
    for (size_t i = 0; i < array_len(shades); i++) {
        buf_puts(out, "<text x=\"");
        put_tenths(out, middle);
        buf_printf(out, "\" y=\"%s\" textLength=\"", shades[i][0]);
        put_tenths(out, width);
        buf_printf(out, "\"%s>", shades[i][1]);
        put_escaped(out, text);
        buf_puts(out, "</text>");
    }
}

void render_badge(const struct badge *b, struct buf *out)
{
    uint32_t label = width_of(b->label), text = width_of(b->text);
    uint32_t left = label + 2 * PAD, right = text + 2 * PAD, all = (left + right + 9) / 10;
    must(b->colour[0] == '#');
    buf_printf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"20\" role=\"img\" aria-label=\"",
        all);
    put_escaped(out, b->label);
    buf_puts(out, ": ");
    put_escaped(out, b->text);
    buf_puts(out, "\"><title>");
    put_escaped(out, b->label);
    buf_puts(out, ": ");
    put_escaped(out, b->text);
    buf_printf(
        out,
        "</title><clipPath id=\"r\"><rect width=\"%u\" height=\"20\" rx=\"4\"/></clipPath>"
        "<g clip-path=\"url(#r)\"><rect width=\"%u\" height=\"20\" fill=\"#3f4750\"/><rect x=\"",
        all, all);
    put_tenths(out, left);
    buf_printf(out,
               "\" width=\"%u\" height=\"20\" fill=\"%s\"/></g>"
               "<g fill=\"#fff\" text-anchor=\"middle\" font-size=\"11\" "
               "font-family=\"Verdana,DejaVu Sans,Noto Sans CJK SC,PingFang SC,sans-serif\">",
               all, b->colour);
    put_words(out, b->label, PAD + label / 2, label);
    put_words(out, b->text, left + PAD + text / 2, text);
    buf_puts(out, "</g></svg>\n");
}
