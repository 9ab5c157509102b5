// RE2 behind base/regex.h. Nothing here throws; memory that is gone aborts, as everywhere.
#include <re2/re2.h>

#include <map>
#include <string>

extern "C" {
// The C headers know _Noreturn and statement macros that C++ does not: only what the shim needs is named here.
#define _Noreturn [[noreturn]]
#include "base/regex.h"
}

struct regex {
    re2::RE2 re;
    unsigned flags;
    regex(const re2::StringPiece &pattern, const re2::RE2::Options &opt, unsigned f)
        : re(pattern, opt), flags(f)
    {
    }
};

extern "C" {

struct regex *regex_new(struct str pattern, unsigned flags, struct err *err)
{
    if (pattern.n > REGEX_PATTERN_MAX) {
        err_set(err, ERR_TOO_LARGE,
                "cannot use the regular expression: got %zu bytes; want at most %d", pattern.n,
                REGEX_PATTERN_MAX);
        return nullptr;
    }
    re2::RE2::Options opt;
    opt.set_log_errors(false);
    opt.set_dot_nl((flags & REGEX_DOT_ALL) != 0);
    auto *re = new struct regex(re2::StringPiece(pattern.p, pattern.n), opt, flags);
    if (re->re.ok())
        return re;
    err_set(err, ERR_MALFORMED, "cannot parse the regular expression: %s", re->re.error().c_str());
    delete re;
    return nullptr;
}

void regex_free(struct regex *re)
{
    delete re;
}

bool regex_match(const struct regex *re, struct str text)
{
    auto anchor = re->flags & REGEX_ANCHORED ? re2::RE2::ANCHOR_BOTH : re2::RE2::UNANCHORED;
    return re->re.Match(re2::StringPiece(text.p, text.n), 0, text.n, anchor, nullptr, 0);
}

bool regex_find(const struct regex *re, struct str text, size_t from, struct str *group, size_t n)
{
    must(n <= REGEX_GROUPS_MAX && from <= text.n);
    re2::StringPiece got[REGEX_GROUPS_MAX];
    auto anchor = re->flags & REGEX_ANCHORED ? re2::RE2::ANCHOR_BOTH : re2::RE2::UNANCHORED;
    int have = re->re.NumberOfCapturingGroups() + 1, ask = (int)n < have ? (int)n : have;
    if (!re->re.Match(re2::StringPiece(text.p, text.n), from, text.n, anchor, got, ask))
        return false;
    for (size_t i = 0; i < n; i++)
        group[i] = (int)i < ask ? str{got[i].data(), got[i].size()} : str{nullptr, 0};
    return true;
}

size_t regex_groups(const struct regex *re)
{
    return (size_t)re->re.NumberOfCapturingGroups();
}

int regex_group(const struct regex *re, struct str name)
{
    const auto &names = re->re.NamedCapturingGroups();
    auto it = names.find(std::string(name.p, name.n));
    return it == names.end() ? -1 : it->second;
}

} // extern "C"
