/*
 * Runs a fuzz target over its corpus without libFuzzer: every file of the directories (or the
 * files) named on the command line is handed to LLVMFuzzerTestOneInput once. Linked by
 * test/fuzz/meson.build into replay_NAME, so an ordinary `make test` with any compiler re-checks
 * every input that ever mattered. Also the way to debug one crashing file under gdb.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return -1;
    }
    struct stat st;
    if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode)) {
        fclose(f);
        return 0;
    }
    /* Exactly the file's size, so that a sanitizer sees the first byte read beyond it. */
    size_t size = (size_t)st.st_size;
    uint8_t *data = malloc(size > 0 ? size : 1);
    if (data == NULL || fread(data, 1, size, f) != size) {
        perror(path);
        free(data);
        fclose(f);
        return -1;
    }
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 1;
}

static int replay_dir(const char *path)
{
    struct dirent **names = NULL;
    int n = scandir(path, &names, NULL, alphasort);
    int ran = 0;
    for (int i = 0; i < n; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        int rc = names[i]->d_name[0] == '.' ? 0 : replay_file(file);
        ran = rc < 0 || ran < 0 ? -1 : ran + rc;
        free(names[i]);
    }
    free(names);
    return ran;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        if (stat(argv[i], &st) != 0) {
            perror(argv[i]);
            return 1;
        }
        int ran = S_ISDIR(st.st_mode) ? replay_dir(argv[i]) : replay_file(argv[i]);
        if (ran < 0) {
            return 1;
        }
        total += ran;
    }
    printf("%d inputs replayed\n", total);
    if (total == 0) {
        fprintf(stderr, "replay: the corpus is empty; a fuzz target comes with its seeds\n");
        return 1;
    }
    return 0;
}
