/* Function names out of an ELF file's .symtab (or .dynsym), for tracebacks. Runs in the warden, once a crash; the
 * file is mapped only meanwhile. Everything read from it is checked: it may be any file. */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "proc/crash_priv.h"

struct image {
    const uint8_t *at;
    size_t n;
};

/* n bytes at offset, or NULL. */
static const void *part(const struct image *f, uint64_t offset, uint64_t n)
{
    if (offset > f->n || n > f->n - offset || (offset & 3) != 0)
        return NULL;
    return f->at + offset;
}

static const ElfW(Ehdr) * header(const struct image *f)
{
    const ElfW(Ehdr) *h = part(f, 0, sizeof(*h));
    if (!h || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
        h->e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32))
        return NULL;
    return h;
}

/* Address as linked, of a byte of the file that is loaded. */
static bool to_vaddr(const struct image *f, uint64_t offset, uint64_t *vaddr)
{
    const ElfW(Ehdr) *h = header(f);
    const ElfW(Phdr) *p = part(f, h->e_phoff, (uint64_t)h->e_phnum * sizeof(*p));
    for (unsigned i = 0; p && i < h->e_phnum; i++) {
        if (p[i].p_type == PT_LOAD && offset >= p[i].p_offset &&
            offset - p[i].p_offset < p[i].p_filesz) {
            *vaddr = p[i].p_vaddr + (offset - p[i].p_offset);
            return true;
        }
    }
    return false;
}

static const ElfW(Shdr) * symbol_table(const struct image *f, const ElfW(Shdr) * s, unsigned n)
{
    const ElfW(Shdr) *found = NULL;
    for (unsigned i = 0; i < n; i++) {
        if (s[i].sh_type == SHT_SYMTAB)
            return &s[i];
        if (s[i].sh_type == SHT_DYNSYM)
            found = &s[i];
    }
    return found;
}

static bool find_symbol(const struct image *f, uint64_t vaddr, char *name, size_t size,
                        uint64_t *distance)
{
    const ElfW(Ehdr) *h = header(f);
    const ElfW(Shdr) *sections = part(f, h->e_shoff, (uint64_t)h->e_shnum * sizeof(*sections));
    const ElfW(Shdr) *table = sections ? symbol_table(f, sections, h->e_shnum) : NULL;
    if (!table || table->sh_link >= h->e_shnum)
        return false;
    const ElfW(Sym) *syms = part(f, table->sh_offset, table->sh_size);
    const ElfW(Shdr) *strings = &sections[table->sh_link];
    if (!syms || strings->sh_offset > f->n || strings->sh_size > f->n - strings->sh_offset)
        return false;
    for (uint64_t i = 0; i < table->sh_size / sizeof(*syms); i++) {
        const ElfW(Sym) *s = &syms[i];
        if ((s->st_info & 0xf) != STT_FUNC || vaddr < s->st_value ||
            vaddr - s->st_value >= (s->st_size ? s->st_size : 1) || s->st_name >= strings->sh_size)
            continue;
        const char *text = (const char *)f->at + strings->sh_offset + s->st_name;
        size_t n = strnlen(text, strings->sh_size - s->st_name);
        n = n < size ? n : size - 1;
        memcpy(name, text, n);
        name[n] = '\0';
        *distance = vaddr - s->st_value;
        return true;
    }
    return false;
}

bool crash__elf_symbol(const char *path, uint64_t offset, char *name, size_t size,
                       uint64_t *distance, uint64_t *vaddr)
{
    must(size > 0);
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size <= 0)
        return false;
    struct image f = {.n = (size_t)st.st_size};
    void *map = mmap(NULL, f.n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return false;
    f.at = map;
    bool found =
        header(&f) && to_vaddr(&f, offset, vaddr) && find_symbol(&f, *vaddr, name, size, distance);
    munmap(map, f.n);
    return found;
}
