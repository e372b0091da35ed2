// Products of matrices whose right side is read many times, from one thread.
//
// The right side is packed once into panels, a few vectors wide, in the order in which it is read. A tile of the
// result, as large as the registers hold, then stays in them while one row of a panel after the other passes by.
// BLAS packs again at each call, which costs more than the product where the left side has as few rows as a batch.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <list>
#include <new>
#include <vector>

#include <pthread.h>
#include <sched.h>

namespace products {

#ifdef __AVX512F__
constexpr long VECTOR_BYTES = 64, TILE_ROWS = 6, TILE_VECTORS = 4;
#else
constexpr long VECTOR_BYTES = 32, TILE_ROWS = 4, TILE_VECTORS = 3;
#endif
typedef real vector __attribute__((vector_size(VECTOR_BYTES)));
typedef real unaligned_vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
constexpr long LANES = VECTOR_BYTES / sizeof(real), WIDTH = TILE_VECTORS * LANES;
// So many rows of a panel stay in the cache while they are read for one block of rows after the other.
constexpr long CHUNK = 512;

inline long padded(long n) { return (n + LANES - 1) / LANES * LANES; }

// Memory for the working values of a call, aligned to vectors.
class Scratch {
    std::vector<void*> blocks;
public:
    Scratch() {}
    Scratch(const Scratch&) = delete;
    ~Scratch() { for (void* block : blocks) free(block); }
    real* get(long n) {
        void* block = nullptr;
        if (posix_memalign(&block, VECTOR_BYTES, std::max(n, 1L) * sizeof(real))) throw std::bad_alloc();
        blocks.push_back(block);
        return static_cast<real*>(block);
    }
    real* zeros(long n) {
        real* block = get(n);
        std::fill(block, block + n, real(0));
        return block;
    }
};

// c = a . panel, or c += a . panel. Element (i, k) of a is a[i * a_row + k * a_column].
template <int ROWS, int VECTORS>
void tile(long depth, const real* a, long a_row, long a_column, const real* panel, real* c, long c_row, bool add) {
    vector sum[ROWS][VECTORS];
    for (int i = 0; i < ROWS; ++i)
        for (int v = 0; v < VECTORS; ++v)
            sum[i][v] = add ? *reinterpret_cast<const unaligned_vector*>(c + i * c_row + v * LANES) : vector{};
    for (long k = 0; k < depth; ++k) {
        vector right[VECTORS];
        for (int v = 0; v < VECTORS; ++v)
            right[v] = *reinterpret_cast<const unaligned_vector*>(panel + (k * VECTORS + v) * LANES);
        for (int i = 0; i < ROWS; ++i) {
            const vector left = vector{} + a[i * a_row + k * a_column];
            for (int v = 0; v < VECTORS; ++v) sum[i][v] += left * right[v];
        }
    }
    for (int i = 0; i < ROWS; ++i)
        for (int v = 0; v < VECTORS; ++v)
            *reinterpret_cast<unaligned_vector*>(c + i * c_row + v * LANES) = sum[i][v];
}

typedef void (*Tile)(long, const real*, long, long, const real*, real*, long, bool);

template <int VECTORS>
Tile tile_of(long rows) {
    static const Tile tiles[] = {tile<1, VECTORS>, tile<2, VECTORS>, tile<3, VECTORS>, tile<4, VECTORS>,
#if defined(__AVX512F__)
                                 tile<5, VECTORS>, tile<6, VECTORS>
#endif
    };
    return tiles[rows - 1];
}

inline Tile tile_of(long rows, long vectors) {
    switch (vectors) {
        case 1: return tile_of<1>(rows);
        case 2: return tile_of<2>(rows);
        case 3: return tile_of<3>(rows);
        default: return tile_of<TILE_VECTORS>(rows);
    }
}

// Columns [first, last) of rows of b as one panel. Element (k, j) of b is b[k * b_row + j * b_column].
inline void pack_panel(long depth, const real* b, long b_row, long b_column, long first, long last, real* panel) {
    const long width = padded(last - first);
    for (long k = 0; k < depth; ++k, panel += width) {
        const real* const row = b + k * b_row + first * b_column;
        if (b_column == 1)
            std::memcpy(panel, row, (last - first) * sizeof(real));
        else
            for (long j = 0; j < last - first; ++j) panel[j] = row[j * b_column];
        std::fill(panel + (last - first), panel + width, real(0));
    }
}

// Work in pieces: each thread that comes takes the next one, until none is left.
class Jobs {
    std::vector<std::function<void()>> jobs;
    std::atomic<long> next{0}, done{0};
public:
    void add(std::function<void()> job) { jobs.push_back(std::move(job)); }
    long size() const { return jobs.size(); }
    void take() {
        for (long job = next++; job < size(); job = next++) {
            jobs[job]();
            ++done;
        }
    }
    // For jobs that throw nothing.
    void take_and_wait() {
        take();
        while (done < size()) sched_yield();
    }
};

// A matrix (depth, columns), packed once the jobs are done.
struct Packed {
    const long depth, columns;
    real* const panels;

    Packed(Scratch& scratch, Jobs& jobs, const real* b, long b_row, long b_column, long depth, long columns)
        : depth(depth), columns(columns), panels(scratch.get(depth * padded(columns))) {
        for (long j = 0; j < columns; j += WIDTH)
            jobs.add([=] {
                pack_panel(depth, b, b_row, b_column, j, std::min(j + WIDTH, columns), panels + j * depth);
            });
    }

    // c = a . this, or c += a . this. Rows of c have room for padded(columns).
    void multiply(long rows, const real* a, long a_row, real* c, long c_row, bool add) const {
        const long blocks = (rows + TILE_ROWS - 1) / TILE_ROWS;
        for (long j = 0; j < columns; j += WIDTH) {
            const long vectors = padded(std::min(WIDTH, columns - j)) / LANES;
            for (long block = 0; block < blocks; ++block) {
                const long i = rows * block / blocks, end = rows * (block + 1) / blocks;
                tile_of(end - i, vectors)(depth, a + i * a_row, a_row, 1, panels + j * depth, c + i * c_row + j,
                                          c_row, add);
            }
        }
    }

    // The same for several steps, whose rows are `a_step` and `c_step` apart; in tiles of rows or of steps.
    void multiply_steps(long steps, long rows, const real* a, long a_step, long a_row, real* c, long c_step, long c_row,
                        bool add) const {
        if (rows >= steps)
            for (long t = 0; t < steps; ++t) multiply(rows, a + t * a_step, a_row, c + t * c_step, c_row, add);
        else
            for (long i = 0; i < rows; ++i) multiply(steps, a + i * a_row, a_step, c + i * c_row, c_step, add);
    }
};

// c += a' . b, where c has `rows` rows, for the columns [first, last) of b and c, no more than WIDTH.
inline void multiply_transposed(long rows, long depth, const real* a, long a_row, const real* b, long b_row, real* c,
                                long c_row, long first, long last) {
    Scratch scratch;
    const long width = padded(last - first), blocks = (rows + TILE_ROWS - 1) / TILE_ROWS;
    real* const panel = scratch.get(CHUNK * width);
    real* const sum = scratch.zeros(rows * width);
    for (long k = 0; k < depth; k += CHUNK) {
        const long chunk = std::min(CHUNK, depth - k);
        pack_panel(chunk, b + k * b_row, b_row, 1, first, last, panel);
        for (long block = 0; block < blocks; ++block) {
            const long i = rows * block / blocks, end = rows * (block + 1) / blocks;
            tile_of(end - i, width / LANES)(chunk, a + k * a_row + i, 1, a_row, panel, sum + i * width, width, true);
        }
    }
    for (long i = 0; i < rows; ++i)
        for (long j = first; j < last; ++j) c[i * c_row + j] += sum[i * width + j - first];
}

// A thread that runs task(number).
class Thread {
    const std::function<void(long)>& task;
    const long number;
    pthread_t thread;
    bool runs;
    std::exception_ptr error;

    static void* run(void* given) {
        Thread* const self = static_cast<Thread*>(given);
        try {
            self->task(self->number);
        } catch (...) {
            self->error = std::current_exception();
        }
        return nullptr;
    }

public:
    Thread(const std::function<void(long)>& task, long number) : task(task), number(number) {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
#ifdef __GLIBC__
        // Linux often puts a new thread where its maker is busy, and moves it after milliseconds: too late for us.
        cpu_set_t processors;
        const int processor = sched_getcpu();
        if (processor >= 0 && sched_getaffinity(0, sizeof(processors), &processors) == 0) {
            CPU_CLR(processor, &processors);
            if (CPU_COUNT(&processors) > 0) pthread_attr_setaffinity_np(&attributes, sizeof(processors), &processors);
        }
#endif
        runs = pthread_create(&thread, &attributes, run, this) == 0;
        pthread_attr_destroy(&attributes);
        if (!runs) run(this);  // The system gives us no more threads.
    }
    Thread(const Thread&) = delete;
    ~Thread() { join(); }
    void join() {
        if (runs) pthread_join(thread, nullptr);
        runs = false;
    }
    void rethrow() const { if (error) std::rethrow_exception(error); }
};

// task(0), ..., task(n - 1), each in a thread of its own, the first in this one. What one of them throws, this throws.
inline void in_threads(long n, const std::function<void(long)>& task) {
    std::list<Thread> threads;
    for (long i = 1; i < n; ++i) threads.emplace_back(task, i);
    task(0);
    for (Thread& thread : threads) thread.join();
    for (const Thread& thread : threads) thread.rethrow();
}

}  // namespace products
