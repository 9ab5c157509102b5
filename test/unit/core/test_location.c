/* Locations: what an agent must probe, its records taken exactly once, who may speak and who is missed. The agents are parcels. */
#include "core_unit.h"

#include "core/located.h"
#include "core/location_priv.h"
#include "ipc/assign.h"

#define CONFIG              \
    "groups:\n"             \
    "  - name: g\n"         \
    "    interval: 1h\n"    \
    "    threshold: 1000\n" \
    "    targets:\n"
#define TWO                                                                           \
    CONFIG "      - {name: a, url: 'tcp://127.0.0.1:1', locations: [beijing]}\n"      \
           "      - {name: b, url: 'tcp://127.0.0.1:2', locations: [local, paris]}\n" \
           "      - {name: c, url: 'tcp://127.0.0.1:3'}\n"

struct agent {
    const char *location;
    uint64_t ring, number;
};
static const struct agent one = {"beijing", 11, 1}, other = {"beijing", 22, 2};

static void open_bed(struct bed *b, const char *yaml)
{
    bed_init(b);
    bed_config(b, "%s", yaml);
    bed_open(b);
}

static struct location *location_of(struct bed *b, const char *name)
{
    struct location *l = core__location_known(b->core, name);
    assert_non_null(l);
    return l;
}

/* --- parcels -------------------------------------------------------------------------------- */

static void add_record(struct parcel_writer *w, uint64_t seq, uint64_t target, uint64_t request)
{
    struct arena *a = arena_new();
    struct result *r = arena_new_of(a, struct result);
    struct buf out = BUF_INIT(65536);
    result_init(r, a);
    r->target_id = target;
    r->request_id = request;
    r->checked_ms = clock_wall_ms();
    result_metric(r, "probe_success", 0);
    result_fail(r, "connection refused");
    result_encode(r, &out);
    assert_true(parcel_add(w, seq, out.data, out.len));
    buf_done(&out);
    arena_free(a);
}

struct post {
    uint64_t target, from, to; /* records with these numbers: failures of the target */
    uint64_t request;          /* that they answer */
};

static struct buf make_parcel(const struct agent *g, const struct post *p)
{
    struct parcel head = {
        .ring = g->ring, .sent_ms = clock_wall_ms(), .software = STR("1.2.3"), .generation = 5};
    struct parcel_writer w;
    parcel_begin(&w, &head, PARCEL_MAX);
    for (uint64_t seq = p->from; seq <= p->to && seq > 0; seq++)
        add_record(&w, seq, p->target, p->request);
    parcel_end(&w);
    return w.out;
}

static int take(struct bed *b, const struct agent *g, const struct post *p,
                struct core_location_post *post, struct err *err)
{
    struct buf bytes = make_parcel(g, p);
    struct waiter *w = waiter_new();
    int rc;
    *post =
        (struct core_location_post){.name = g->location, .address = "10.0.0.1", .agent = g->number};
    assert_int_equal(parcel_parse((struct str){bytes.data, bytes.len}, &post->parcel, err), 0);
    do
        rc = core_location_take(b->core, post, w, err);
    while (rc > 0);
    if (rc == 0 && post->wait)
        bed_settle(b);
    waiter_unref(w);
    buf_done(&bytes);
    return rc;
}

struct stored_wait {
    const struct agent *agent;
    uint64_t seq;
    struct core_location_answer answer;
};

static bool is_stored(struct bed *b, void *arg)
{
    struct stored_wait *w = arg;
    core_location_answer(b->core, w->agent->location, w->agent->ring, w->seq, &w->answer);
    return w->answer.stored == w->seq;
}

/* As api/agent.c does, until all of it is stored. */
static void give(struct bed *b, const struct agent *g, const struct post *p)
{
    struct core_location_post post;
    struct err err = {0};
    if (take(b, g, p, &post, &err) != 0)
        fail_msg("%s", err.msg);
    struct stored_wait w = {g, post.seq, {0}};
    assert_true(bed_until(b, is_stored, &w, 10000));
}

static enum err_code refused(struct bed *b, const struct agent *g)
{
    struct core_location_post post;
    struct err err = {0};
    assert_int_equal(take(b, g, &(struct post){0}, &post, &err), -1);
    return err.code;
}

static void sign_of_life(struct bed *b, const struct agent *g)
{
    give(b, g, &(struct post){0});
}

/* As if it were so much longer ago that it was heard. */
static void be_silent(struct bed *b, const char *name, int64_t ms)
{
    location_of(b, name)->heard_ns -= ms * NS_PER_MS;
}

static int32_t failures(struct bed *b, const char *target)
{
    struct located *l = bed_target(b, target)->located;
    assert_non_null(l);
    return l->places[l->n - 1].st.fail_count; /* the agent's is the last one */
}

static uint64_t id_of(struct bed *b, const char *target)
{
    return bed_target(b, target)->target->id;
}

/* --- what it must probe --------------------------------------------------------------------- */

static uint64_t generation_of(struct bed *b, const char *location)
{
    struct core_location_answer ans;
    core_location_answer(b->core, location, 1, 0, &ans);
    assert_int_not_equal(ans.generation, 0);
    return ans.generation;
}

/* How many targets stand in it, and the first one's number. */
static uint32_t assigned(struct bed *b, const char *location, uint64_t *first)
{
    struct buf out = BUF_INIT(1 << 20);
    struct err err = {0};
    char path[100];
    struct assign_entry e;
    snprintf(path, sizeof(path), "%s/assignment", b->dir);
    assert_int_equal(core_location_assignment(b->core, location, &out, &err), 0);
    FILE *f = fopen(path, "w");
    assert_true(f && fwrite(out.data, 1, out.len, f) == out.len && fclose(f) == 0);
    buf_done(&out);
    struct assign_file *file = assign_open(path, &err);
    assert_non_null(file);
    assert_true(assign_generation(file) == generation_of(b, location));
    uint32_t n = assign_count(file);
    *first = n && assign_next(file, &e, &err) ? e.id : 0;
    assign_close(&file);
    return n;
}

static void its_assignment_names_its_targets_alone(void **state)
{
    struct bed b;
    uint64_t first;
    open_bed(&b, TWO);
    assert_int_equal(assigned(&b, "beijing", &first), 1);
    assert_true(first == id_of(&b, "a"));
    assert_int_equal(assigned(&b, "paris", &first), 1);
    assert_true(first == id_of(&b, "b"));
    assert_int_equal(assigned(&b, "tokyo", &first), 0);
    bed_done(&b);
}

static void a_generation_is_of_what_it_must_probe(void **state)
{
    struct bed b;
    uint64_t first;
    open_bed(&b, TWO);
    uint64_t beijing = generation_of(&b, "beijing"), paris = generation_of(&b, "paris");
    assert_true(beijing != paris && generation_of(&b, "tokyo") != beijing);
    bed_drop(&b);
    bed_open(&b); /* nothing is fetched anew for that */
    assert_true(generation_of(&b, "beijing") == beijing && generation_of(&b, "paris") == paris);
    bed_config(&b, "%s",
               CONFIG "      - {name: a, url: 'tcp://127.0.0.1:9', locations: [beijing]}\n"
                      "      - {name: b, url: 'tcp://127.0.0.1:2', locations: [local, paris]}\n"
                      "      - {name: c, url: 'tcp://127.0.0.1:4'}\n");
    bed_reload(&b);
    assert_true(generation_of(&b, "beijing") != beijing && generation_of(&b, "paris") == paris);

    struct waiter *w = waiter_new();
    assert_int_equal(core_target_enable(b.core, id_of(&b, "b"), false, w, NULL), 0);
    waiter_unref(w);
    assert_int_equal(assigned(&b, "paris", &first), 0);
    assert_true(generation_of(&b, "paris") != paris);
    w = waiter_new();
    assert_int_equal(core_target_enable(b.core, id_of(&b, "b"), true, w, NULL), 0);
    waiter_unref(w);
    assert_int_equal(assigned(&b, "paris", &first), 1);
    bed_settle(&b);
    bed_done(&b);
}

/* --- exactly once --------------------------------------------------------------------------- */

static void each_record_is_taken_once(void **state)
{
    struct bed b;
    open_bed(&b, TWO);
    uint64_t a = id_of(&b, "a");
    give(&b, &one, &(struct post){a, 1, 3, 0});
    assert_int_equal(failures(&b, "a"), 3);
    give(&b, &one, &(struct post){a, 2, 5, 0}); /* the answer was lost */
    assert_int_equal(failures(&b, "a"), 5);
    struct location *l = location_of(&b, "beijing");
    assert_true(l->results == 5 && l->replayed == 2 && l->read_seq == 5 && l->stored == 5);
    /* more than a turn of the loop takes */
    give(&b, &one, &(struct post){a, 6, 5 + 2 * LOCATION_TURN, 0});
    assert_true(l->results == 5 + 2 * LOCATION_TURN);
    bed_done(&b);
}

static void a_death_of_the_core_takes_none_twice(void **state)
{
    struct bed b;
    open_bed(&b, TWO);
    uint64_t a = id_of(&b, "a");
    give(&b, &one, &(struct post){a, 1, 3, 0});
    bed_drop(&b);
    bed_open(&b);
    assert_int_equal(failures(&b, "a"), 3);
    give(&b, &one, &(struct post){a, 1, 4, 0});
    assert_int_equal(failures(&b, "a"), 4);
    struct location *l = location_of(&b, "beijing");
    assert_true(l->results == 1 && l->replayed == 3);
    bed_done(&b);
}

/* A parcel of the ring before, that lay about somewhere, comes when the new ring speaks. */
static void a_late_parcel_of_its_former_ring_doubles_nothing(void **state)
{
    struct bed b;
    open_bed(&b, TWO);
    uint64_t a = id_of(&b, "a");
    struct agent fresh = one;
    fresh.ring = 12;
    give(&b, &one, &(struct post){a, 1, 3, 0});
    give(&b, &fresh, &(struct post){a, 1, 2, 0});
    assert_int_equal(failures(&b, "a"), 5);
    give(&b, &one, &(struct post){a, 1, 3, 0});
    give(&b, &fresh, &(struct post){a, 1, 3, 0});
    assert_int_equal(failures(&b, "a"), 6);
    bed_done(&b);
}

static void what_is_not_its_own_is_dropped(void **state)
{
    struct bed b;
    open_bed(&b, TWO);
    give(&b, &one, &(struct post){id_of(&b, "b"), 1, 2, 0}); /* beijing is no place of b */
    give(&b, &one, &(struct post){id_of(&b, "c"), 3, 4, 0});
    give(&b, &one, &(struct post){4711, 5, 6, 0});
    assert_int_equal(failures(&b, "b"), 0);
    assert_int_equal(bed_target(&b, "c")->state.status, TARGET_UNKNOWN);
    assert_true(location_of(&b, "beijing")->results == 6); /* and never asked for again */
    bed_done(&b);
}

/* --- who speaks ----------------------------------------------------------------------------- */

static void a_second_agent_waits_for_the_silence_of_the_first(void **state)
{
    struct bed b;
    open_bed(&b, TWO);
    sign_of_life(&b, &one);
    assert_int_equal(refused(&b, &other), ERR_CONFLICT);
    struct location *l = location_of(&b, "beijing");
    assert_true(l->refused == 1 && l->ring == one.ring);
    sign_of_life(&b, &one); /* it was not disturbed */
    be_silent(&b, "beijing", LOCATION_OTHER_MS / 2);
    assert_int_equal(refused(&b, &other), ERR_CONFLICT);
    be_silent(&b, "beijing", LOCATION_OTHER_MS);
    sign_of_life(&b, &other);
    assert_int_equal(refused(&b, &one), ERR_CONFLICT); /* now it is the second */
    assert_true(l->ring == other.ring && l->refused == 3);
    bed_done(&b);
}

/* Its ring was damaged and replaced, or has another size. */
static void the_same_agent_comes_back_with_another_ring_at_once(void **state)
{
    struct bed b;
    open_bed(&b, TWO);
    struct agent fresh = one, silent = {"beijing", 33, 0};
    fresh.ring = 12;
    sign_of_life(&b, &one);
    sign_of_life(&b, &fresh);
    struct location *l = location_of(&b, "beijing");
    assert_true(l->ring == 12 && l->refused == 0);
    assert_int_equal(refused(&b, &other), ERR_CONFLICT);
    assert_int_equal(refused(&b, &silent), ERR_CONFLICT);
    be_silent(&b, "beijing", LOCATION_OTHER_MS);
    sign_of_life(&b, &silent); /* one that does not say its number */
    silent.ring = 34;
    assert_int_equal(refused(&b, &silent), ERR_CONFLICT);
    bed_done(&b);
}

static void no_agent_speaks_for_what_is_no_location(void **state)
{
    struct bed b;
    struct buf out = BUF_INIT(1000);
    struct err err = {0};
    open_bed(&b, TWO);
    assert_int_equal(refused(&b, &(struct agent){"local", 1, 1}), ERR_DENIED);
    assert_int_equal(refused(&b, &(struct agent){"a/b", 1, 1}), ERR_DENIED);
    assert_int_equal(core_location_assignment(b.core, "local", &out, &err), -1);
    assert_null(core__location_known(b.core, "local"));
    bed_done(&b);
}

/* --- silence -------------------------------------------------------------------------------- */

static uint64_t open_alert(struct bed *b, const char *name)
{
    core__locations_tick(b->core);
    return location_of(b, name)->alert;
}

static void one_that_is_silent_is_an_alert(void **state)
{
    struct bed b;
    open_bed(&b, TWO);
    assert_true(open_alert(&b, "beijing") == 0); /* Belfry has just begun */
    be_silent(&b, "beijing", LOCATION_SILENT_MS + 1000);
    assert_true(open_alert(&b, "beijing") != 0);
    sign_of_life(&b, &one);
    assert_true(open_alert(&b, "beijing") == 0);
    be_silent(&b, "beijing", LOCATION_SILENT_MS + 1000);
    uint64_t id = open_alert(&b, "beijing");
    assert_true(id != 0);
    bed_settle(&b);
    bed_drop(&b);
    bed_open(&b); /* it is found again, and not told again */
    assert_true(location_of(&b, "beijing")->alert == id);
    assert_true(open_alert(&b, "beijing") == id);
    sign_of_life(&b, &one);
    assert_true(open_alert(&b, "beijing") == 0);
    bed_settle(&b);
    assert_int_equal(bed_sql(&b, "SELECT count(*) FROM alert_records"), 2);
    bed_done(&b);
}

static void nobody_is_missed_whom_no_target_names(void **state)
{
    struct bed b;
    open_bed(&b, TWO);
    sign_of_life(&b, &(struct agent){"tokyo", 7, 7});
    be_silent(&b, "tokyo", LOCATION_SILENT_MS + 1000);
    assert_true(open_alert(&b, "tokyo") == 0);
    be_silent(&b, "beijing", LOCATION_SILENT_MS + 1000);
    assert_true(open_alert(&b, "beijing") != 0);
    bed_config(&b, "%s", CONFIG "      - {name: a, url: 'tcp://127.0.0.1:1'}\n");
    bed_reload(&b);
    assert_true(open_alert(&b, "beijing") == 0); /* it ends with the last target */
    bed_settle(&b);
    bed_done(&b);
}

/* The door refuses it (test_agent.py), so that nothing comes any more; who comes with a new token of the name is let in, with
 * everything that was measured meanwhile. */
static void one_whose_token_was_revoked_is_silent_until_it_has_another(void **state)
{
    struct bed b;
    open_bed(&b, TWO);
    uint64_t a = id_of(&b, "a");
    give(&b, &one, &(struct post){a, 1, 3, 0});
    be_silent(&b, "beijing", LOCATION_SILENT_MS + 1000);
    assert_true(open_alert(&b, "beijing") != 0);
    assert_false(core__location_connected(location_of(&b, "beijing")));
    give(&b, &one, &(struct post){a, 2, 9, 0});
    assert_true(open_alert(&b, "beijing") == 0);
    assert_int_equal(failures(&b, "a"), 9);
    bed_settle(&b);
    bed_done(&b);
}

/* --- probing now ---------------------------------------------------------------------------- */

static int check(struct bed *b, const char *target, const char *location, struct waiter *w)
{
    struct err err = {0};
    int rc = core_check(b->core, id_of(b, target), location, w, &err);
    return rc == 0 ? ERR_OK : (int)err.code;
}

static void an_agent_is_asked_once_and_its_result_answers(void **state)
{
    struct bed b;
    struct core_location_answer ans;
    struct buf record = BUF_INIT(65536);
    struct waiter *w = waiter_new();
    open_bed(&b, TWO);
    uint64_t a = id_of(&b, "a");
    assert_int_equal(check(&b, "a", "beijing", w), ERR_BUSY); /* nobody is there */
    sign_of_life(&b, &one);
    assert_int_equal(check(&b, "a", "paris", w), ERR_NOT_FOUND);
    assert_int_equal(check(&b, "a", "local", w), ERR_NOT_FOUND);
    assert_int_equal(check(&b, "b", "local", w), ERR_BUSY); /* its watcher does not run here */
    assert_int_equal(check(&b, "a", "beijing", w), ERR_OK);
    core_location_answer(b.core, "beijing", one.ring, 0, &ans);
    assert_true(ans.n_checks == 1 && ans.checks[0].target_id == a && ans.checks[0].request_id != 0);
    uint64_t request = ans.checks[0].request_id;
    core_location_answer(b.core, "beijing", one.ring, 0, &ans);
    assert_int_equal(ans.n_checks, 0);
    give(&b, &(struct agent){"paris", 9, 9}, &(struct post){a, 1, 1, request}); /* not asked */
    give(&b, &one, &(struct post){a, 1, 1, request});
    assert_int_equal(waiter_wait(w, 1, &record, NULL), 0);
    assert_true(record.len > 0);
    waiter_unref(w);
    buf_done(&record);
    bed_done(&b);
}

static void not_everything_is_asked_at_once(void **state)
{
    struct bed b;
    open_bed(&b, TWO);
    sign_of_life(&b, &one);
    int n = 0, code = ERR_OK;
    for (; code == ERR_OK && n < 100 * LOCATION_CHECKS; n++) {
        struct waiter *w = waiter_new();
        code = check(&b, "a", "beijing", w);
        waiter_unref(w);
    }
    assert_int_equal(code, ERR_BUSY);
    assert_int_equal(n, 10 * LOCATION_CHECKS + 1);
    bed_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_assignment_names_its_targets_alone),
        cmocka_unit_test(a_generation_is_of_what_it_must_probe),
        cmocka_unit_test(each_record_is_taken_once),
        cmocka_unit_test(a_death_of_the_core_takes_none_twice),
        cmocka_unit_test(a_late_parcel_of_its_former_ring_doubles_nothing),
        cmocka_unit_test(what_is_not_its_own_is_dropped),
        cmocka_unit_test(a_second_agent_waits_for_the_silence_of_the_first),
        cmocka_unit_test(the_same_agent_comes_back_with_another_ring_at_once),
        cmocka_unit_test(no_agent_speaks_for_what_is_no_location),
        cmocka_unit_test(one_that_is_silent_is_an_alert),
        cmocka_unit_test(nobody_is_missed_whom_no_target_names),
        cmocka_unit_test(one_whose_token_was_revoked_is_silent_until_it_has_another),
        cmocka_unit_test(an_agent_is_asked_once_and_its_result_answers),
        cmocka_unit_test(not_everything_is_asked_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
