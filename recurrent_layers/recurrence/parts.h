// Who computes what. Each thread has samples of its own, from the first step to the last, and waits for nobody; where
// there are fewer samples than that takes, the threads share the columns of each step.

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <numeric>
#include <vector>

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

// For what g++ would otherwise write into each place that calls it, and take seconds to compile.
#define ONCE __attribute__((noinline))

// Of the library that all modules share.
extern "C" void recurrent_layers_run(long threads, long jobs, void (*job)(const void*, long), const void* with,
                                     void (*waiting)(const void*));

namespace parts {

// The first error of several threads.
class FirstError {
    std::atomic<bool> is_there{false};
    std::exception_ptr error;

public:
    template <typename Call>
    void of(const Call& call) {
        try {
            call();
        } catch (...) {
            if (!is_there.exchange(true)) error = std::current_exception();
        }
    }
    void rethrow() const {
        if (error) std::rethrow_exception(error);
    }
};

// While this lives, the thread takes numbers for 0 that are too small to have all their digits (in float32 below 1.2e-38,
// such as gradients that vanish), since many processors take a hundred times longer for them than for others; or it
// does not, as is usual.
class Flushed {
#ifdef __SSE2__
    // What comes out, and what goes in.
    static constexpr unsigned BITS = 0x8040;
    const unsigned before = _mm_getcsr();

public:
    explicit Flushed(bool are_flushed = true) { _mm_setcsr(are_flushed ? before | BITS : before & ~BITS); }
    ~Flushed() { _mm_setcsr(before); }
#else
public:
    explicit Flushed(bool = true) {}
#endif
    Flushed(const Flushed&) = delete;
    Flushed& operator=(const Flushed&) = delete;
};

// Do jobs 0, 1, ... with at most so many threads, this one among them. What one of them throws, this throws, and also
// what `waiting` throws, which is called again and again while this thread waits for the others.
template <typename Job, typename Waiting>
void run(long threads, long jobs, const Job& job, const Waiting& waiting) {
    struct Given {
        const Job& job;
        const Waiting& waiting;
        FirstError& error;
    };
    FirstError error;
    const Given given{job, waiting, error};
    recurrent_layers_run(threads, jobs, [](const void* with, long number) {
        const Given& given = *static_cast<const Given*>(with);
        given.error.of([&] {
            const Flushed flushed;
            given.job(number);
        });
    }, &given, [](const void* with) {
        const Given& given = *static_cast<const Given*>(with);
        given.error.of(given.waiting);
    });
    error.rethrow();
}

template <typename Job>
void run(long threads, long jobs, const Job& job) {
    run(threads, jobs, job, [] {});
}

// Whether a sample is there at a step.
struct Mask {
    const unsigned char* values;
    long step, sample;

    bool operator()(long t, long i) const { return values == nullptr || values[t * step + i * sample] != 0; }
};

// How many threads are worth their while, and what they share: samples, or columns where these may be parted. A step of
// a sample takes so many multiplications.
struct Division {
    static constexpr double WORTHWHILE = 200000;
    long threads, parts, shares;

    ONCE Division(long available, long batch, long steps, double multiplications, bool by_columns)
        : threads(available), parts(1), shares(1) {
        if (batch * steps * multiplications < 2 * WORTHWHILE) threads = 1;
        if (by_columns && batch < 3 * threads && batch * multiplications >= 2 * WORTHWHILE)
            shares = threads;
        else
            parts = std::max(std::min(threads, batch), 1L);
    }
    // How many threads share so many multiplications of one part.
    long shares_of(double multiplications) const {
        return parts == 1 && multiplications >= 2 * WORTHWHILE ? threads : shares;
    }
};

// The samples, parted so that each part has about as many steps to do. Neighbours stay together: what a thread writes
// is not beside what another one does.
class Samples {
    std::vector<long> numbers, begin;

public:
    ONCE Samples(long batch, long parts, const Mask& mask, long first_step, long last_step)
        : numbers(batch), begin(parts + 1, batch) {
        std::iota(numbers.begin(), numbers.end(), 0L);
        std::vector<long> steps(batch, 1);
        if (mask.values != nullptr && parts > 1)
            for (long t = first_step; t < last_step; ++t)
                for (long i = 0; i < batch; ++i) steps[i] += mask(t, i);
        const long all = std::accumulate(steps.begin(), steps.end(), 0L);
        for (long i = batch - 1, before = all; i >= 0; --i) {
            before -= steps[i];
            // The part in which the sample has its middle.
            for (long part = 0; part <= (2 * before + steps[i]) * parts / (2 * all); ++part) begin[part] = i;
        }
    }
    const long* of(long part) const { return numbers.data() + begin[part]; }
    long number(long part) const { return begin[part + 1] - begin[part]; }
};

// Which samples are there at a step, and which are masked.
struct Attendance {
    std::vector<long> there, away;

    ONCE void look(long t, const long* samples, long rows, const Mask& mask) {
        there.clear(), away.clear();
        for (long n = 0; n < rows; ++n) (mask(t, samples[n]) ? there : away).push_back(samples[n]);
    }
};

}  // namespace parts
