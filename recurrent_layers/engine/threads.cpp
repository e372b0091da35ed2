// The threads of this process: one set of them, for the recurrences and for matrix products.
//
// Whoever has jobs posts them and takes them himself; helpers that find a processor take some of them. Nobody waits
// for a helper to come, only for jobs that one has begun. So a machine that is busy with other things costs no more
// than its share: the jobs are done by whoever is there.

#include <algorithm>
#include <atomic>
#include <cstdint>

#include <pthread.h>
#include <signal.h>
#include <time.h>
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

namespace {

typedef void (*Job)(const void* data, long number);
typedef void (*Waiting)(const void* data);

// Nanoseconds. A helper looks for new jobs for so long before it sleeps: from one operation of a model to the next.
constexpr int64_t ATTENTION = 200000;
// Whoever waits for the jobs of others looks for so long before he sleeps.
constexpr int64_t PATIENCE = 50000;
// From one call of `waiting` to the next.
constexpr long PERIOD = 100000000;
// If others take longer than their jobs can last, they have lost their processor. After that, so long without them;
// longer each time, if it is soon again.
constexpr int64_t FORBEARANCE = 200000, SHORTEST_BREAK = 10000000, LONGEST_BREAK = 320000000;

constexpr uint64_t NONE_LEFT = 0xffffffff;

// The number of what was posted, and below it the number of its next job.
std::atomic<uint64_t> ticket{NONE_LEFT};
std::atomic<Job> job;
std::atomic<const void*> data;
std::atomic<long> size{0}, done{0};
std::atomic<bool> is_in_use{false}, is_awaited{false};
std::atomic<int> sleeping{0};
// Of whoever has it in use.
int helpers = 0;
int64_t alone_until = 0, last_break = 0;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t posted = PTHREAD_COND_INITIALIZER, finished = PTHREAD_COND_INITIALIZER;

int64_t now() {
    timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * int64_t(1000000000) + time.tv_nsec;
}

void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

bool is_any_left() { return long(ticket.load() & NONE_LEFT) < size.load(); }

// Take jobs until none is left.
void take() {
    for (;;) {
        uint64_t next = ticket.load();
        const long number = next & NONE_LEFT, last = size.load() - 1;
        const Job todo = job.load();
        const void* const with = data.load();
        if (number > last) return;
        // Only if nothing else has been posted meanwhile, these four belong together.
        if (!ticket.compare_exchange_weak(next, next + 1)) continue;
        todo(with, number);
        if (done.fetch_add(1) == last && is_awaited.load()) {
            pthread_mutex_lock(&mutex);
            pthread_cond_broadcast(&finished);
            pthread_mutex_unlock(&mutex);
        }
    }
}

void* help(void*) {
#ifdef __SSE2__
    _mm_setcsr(0x1f80);  // As each process begins; who hires may do so while he takes the smallest numbers for 0.
#endif
    for (;;) {
        take();
        const int64_t end = now() + ATTENTION;
        while (!is_any_left() && now() < end)
            for (int k = 0; k < 16; ++k) pause();
        if (is_any_left()) continue;
        pthread_mutex_lock(&mutex);
        ++sleeping;
        while (!is_any_left()) pthread_cond_wait(&posted, &mutex);
        --sleeping;
        pthread_mutex_unlock(&mutex);
    }
    return nullptr;
}

// In the child of a fork there are no helpers, and what its parent had begun is not its own.
void begin_anew() {
    ticket = NONE_LEFT;
    size = done = 0;
    is_in_use = is_awaited = false;
    sleeping = helpers = 0;
    pthread_mutex_init(&mutex, nullptr);
    pthread_cond_init(&posted, nullptr);
    pthread_cond_init(&finished, nullptr);
}

// Have so many helpers, or as many as the system gives.
void hire(int wanted) {
    if (helpers >= wanted) return;
    static const int is_forkable = pthread_atfork(nullptr, nullptr, begin_anew);
    if (is_forkable != 0) return;
    // The signals of the process are for the threads of others.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (pthread_t thread; helpers < wanted; ++helpers)
        if (pthread_create(&thread, &attributes, help, nullptr) != 0) break;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void post(long jobs, Job todo, const void* with) {
    const uint64_t number = ((ticket.load() >> 32) + 1) << 32;
    ticket = number | NONE_LEFT;
    size = jobs;
    done = 0;
    job = todo;
    data = with;
    ticket = number;
    const long asleep = sleeping.load(), wanted = jobs - 1;
    if (asleep == 0) return;
    pthread_mutex_lock(&mutex);
    if (wanted >= asleep)
        pthread_cond_broadcast(&posted);
    else
        for (long k = 0; k < wanted; ++k) pthread_cond_signal(&posted);
    pthread_mutex_unlock(&mutex);
}

// The time of day after PERIOD.
timespec in_a_while() {
    timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec += PERIOD;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

// Wait for the jobs that others have begun.
void wait(long jobs, const void* with, Waiting waiting) {
    const int64_t end = now() + PATIENCE;
    while (done.load() < jobs && now() < end)
        for (int k = 0; k < 16; ++k) pause();
    if (done.load() == jobs) return;
    pthread_mutex_lock(&mutex);
    is_awaited = true;
    while (done.load() < jobs) {
        const timespec end = in_a_while();
        if (pthread_cond_timedwait(&finished, &mutex, &end) == 0 || waiting == nullptr) continue;
        pthread_mutex_unlock(&mutex);
        waiting(with);
        pthread_mutex_lock(&mutex);
    }
    is_awaited = false;
    pthread_mutex_unlock(&mutex);
}

// Whether helpers may be asked: not while others ask them, nor within a job, nor in a break. If so, nobody else may
// until `is_in_use` is false again.
bool may_ask() {
    if (is_in_use.exchange(true)) return false;
    if (now() >= alone_until) return true;
    is_in_use = false;
    return false;
}

}  // namespace

// Do jobs 0, 1, ... with at most so many threads, this one among them. `waiting` (or nullptr) is called from time to
// time while this thread has nothing to do but wait for the others.
extern "C" void recurrent_layers_run(long threads, long jobs, Job todo, const void* with, Waiting waiting) {
    if (threads < 2 || jobs < 2 || !may_ask()) {
        for (long number = 0; number < jobs; ++number) todo(with, number);
        return;
    }
    const int64_t begin = now();
    hire(threads - 1);
    post(jobs, todo, with);
    take();
    const int64_t own = now() - begin;
    wait(jobs, with, waiting);
    const int64_t end = now(), waited = end - begin - own;
    if (waited > own + own / 2 + FORBEARANCE) {
        const bool is_soon = end - alone_until < 4 * LONGEST_BREAK;
        last_break = is_soon ? std::max(SHORTEST_BREAK, std::min(2 * last_break, LONGEST_BREAK)) : SHORTEST_BREAK;
        alone_until = end + last_break;
    }
    is_in_use = false;
}

#ifdef BLAS
// Matrix products of BLAS, in as many pieces as there are threads. OpenBLAS' own threads would stay at work for
// milliseconds after each product, and take the processors of those that come next.

namespace {

std::atomic<long> threads_of_products{1};

// From so many multiplications on, a second thread is worth its while.
constexpr double WORTHWHILE = 500000;

template <typename real>
using Gemm = void (*)(const char*, const char*, const int*, const int*, const int*, const real*, const real*,
                      const int*, const real*, const int*, const real*, real*, const int*);

template <typename real>
struct Product {
    Gemm<real> gemm;
    const char *transa, *transb;
    const int *m, *n, *k;
    const real *alpha, *a;
    const int* lda;
    const real* b;
    const int* ldb;
    const real* beta;
    real* c;
    const int* ldc;
    long pieces;

    static bool is_transposed(const char* trans) { return *trans != 'N' && *trans != 'n'; }

    // A piece of the rows of c, or of its columns.
    void compute(long piece) const {
        const bool by_rows = *m > *n;
        const long whole = by_rows ? *m : *n, step = ((whole + pieces - 1) / pieces + 15) / 16 * 16;
        const long first = piece * step, last = first + step < whole ? first + step : whole;
        const int part = last - first;
        if (part <= 0) return;
        if (by_rows)
            gemm(transa, transb, &part, n, k, alpha, a + first * (is_transposed(transa) ? long(*lda) : 1), lda, b,
                 ldb, beta, c + first, ldc);
        else
            gemm(transa, transb, m, &part, k, alpha, a, lda, b + first * (is_transposed(transb) ? 1 : long(*ldb)),
                 ldb, beta, c + first * *ldc, ldc);
    }
};

template <typename real>
void multiply(Product<real> product) {
    const double multiplications = double(*product.m) * *product.n * *product.k;
    product.pieces = threads_of_products;
    if (multiplications / WORTHWHILE < product.pieces) product.pieces = multiplications / WORTHWHILE;
    if (product.pieces < 1) product.pieces = 1;
    recurrent_layers_run(
        product.pieces, product.pieces,
        [](const void* with, long piece) { static_cast<const Product<real>*>(with)->compute(piece); }, &product,
        nullptr);
}

}  // namespace

#define ARGUMENTS(real)                                                                                            \
    const char *transa, const char *transb, const int *m, const int *n, const int *k, const real *alpha,           \
        const real *a, const int *lda, const real *b, const int *ldb, const real *beta, real *c, const int *ldc

extern "C" void scipy_sgemm_(ARGUMENTS(float));
extern "C" void scipy_dgemm_(ARGUMENTS(double));

extern "C" void recurrent_layers_sgemm_(ARGUMENTS(float)) {
    multiply<float>({scipy_sgemm_, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, 1});
}

extern "C" void recurrent_layers_dgemm_(ARGUMENTS(double)) {
    multiply<double>({scipy_dgemm_, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, 1});
}

extern "C" void recurrent_layers_set_threads_of_products(long threads) { threads_of_products = threads; }
#endif
