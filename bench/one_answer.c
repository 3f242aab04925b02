/* One answer by a process of its own: load a GGUF, read a prefix and a prompt, speak greedily, end.

   one_answer MODEL.gguf PREFIX LIMIT TOKEN…

   PREFIX is a file of float32 rows as wide as the model, or `-` for none. Prints the tokens, one a line. It stands for
   a server that starts llama.cpp anew for each request; a real one reads its arguments and its templates besides. */
#include <llama.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 512 /* positions in one batch */

static void quiet(enum ggml_log_level level, const char *text, void *data) {
    (void) level, (void) text, (void) data;
}

static int fail(const char *what) {
    fprintf(stderr, "one_answer: %s\n", what);
    return 1;
}

static float *rows_of(const char *path, int width, int *count) {
    *count = 0;
    if (!strcmp(path, "-")) return NULL;
    FILE *file = fopen(path, "rb");
    float *rows = malloc(sizeof(float) * width * MOST);
    if (!file || !rows) exit(fail("the prefix cannot be read"));
    *count = (int) fread(rows, sizeof(float) * width, MOST, file);
    fclose(file);
    return rows;
}

static int read_rows(struct llama_context *context, float *rows, int count, int width) {
    struct llama_batch batch = llama_batch_init(count, width, 1);
    memcpy(batch.embd, rows, sizeof(float) * width * count);
    batch.n_tokens = count;
    for (int i = 0; i < count; i++) {
        batch.pos[i] = i;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 0;
    }
    int code = llama_decode(context, batch);
    llama_batch_free(batch);
    return code;
}

int main(int argc, char **argv) {
    if (argc < 5 || argc - 4 > MOST) return fail("MODEL.gguf PREFIX LIMIT TOKEN… (at most 512)");
    llama_log_set(quiet, NULL);
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model) return fail("the model cannot be loaded");
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = 1024;
    params.n_batch = params.n_ubatch = MOST;
    params.n_threads = params.n_threads_batch = 1;
    struct llama_context *context = llama_init_from_model(model, params);
    if (!context) return fail("no memory for a context");
    const struct llama_vocab *vocabulary = llama_model_get_vocab(model);
    int width = llama_model_n_embd(model), k;
    float *rows = rows_of(argv[2], width, &k);
    if (k && read_rows(context, rows, k, width)) return fail("the prefix cannot be computed");

    llama_token tokens[MOST];
    int count = argc - 4;
    for (int i = 0; i < count; i++) tokens[i] = atoi(argv[4 + i]);
    struct llama_sampler *greedy = llama_sampler_init_greedy();
    for (int left = atoi(argv[3]); left > 0; left--) {
        if (llama_decode(context, llama_batch_get_one(tokens, count))) return fail("a token cannot be computed");
        tokens[0] = llama_sampler_sample(greedy, context, -1);
        count = 1;
        if (llama_vocab_is_eog(vocabulary, tokens[0])) break;
        printf("%d\n", tokens[0]);
    }
    llama_sampler_free(greedy);
    llama_free(context);
    llama_model_free(model);
    free(rows);
    return 0;
}
