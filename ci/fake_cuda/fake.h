// What the files of the fake CUDA share: the lock, counts, streams of work, events, graphs, memory.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#define API extern "C" __attribute__((visibility("default")))
#define LOCK std::lock_guard<std::recursive_mutex> lock(fake::mutex)

// Return a function's error, which cudaGetLastError then returns too.
#define TRY(expression)                                \
    do {                                               \
        cudaError_t error_ = (expression);             \
        if (error_) return fake::failed(error_);       \
    } while (0)

namespace fake {

enum { MAX_DEVICES = 8 };

extern std::recursive_mutex mutex;
extern thread_local int device;  // the current one

// An environment variable, or its default.
std::string setting(const char* name, const char* otherwise);
// Print what no error code says.
void complain(const char* format, ...);
cudaError_t failed(cudaError_t error);

// --- counts (fake_cuda_count)

enum Count {
    LAUNCHES, PRODUCTS, GRAPH_LAUNCHES, GRAPH_NODES, SYNCHRONISATIONS, EVENT_SYNCHRONISATIONS,
    EVENTS_RECORDED, EVENTS_AWAITED, COPIES_TO_DEVICE, COPIES_TO_HOST, COPIES_ON_DEVICE,
    BYTES_TO_DEVICE, BYTES_TO_HOST, BYTES_ON_DEVICE, FILLS, ALLOCATIONS, MEMORY_QUERIES,
    COMPILATIONS, N_COUNTS
};
extern long counts[N_COUNTS];

// --- streams: queues of work (streams.cpp)

struct Stream;

// A place in a stream's work: the first n pieces of it.
struct Mark {
    std::shared_ptr<Stream> stream;
    long n = 0;
    bool done() const;
};

struct Work {
    std::function<void()> act;  // empty for work that only waits
    std::vector<Mark> after;    // other streams' work that must be done before it
};

struct Graph {
    std::vector<std::function<void()>> nodes;  // in the order of their capture
    bool relaxed = false;
    bool broken = false;  // something was asked for that a capture refuses
};

struct Stream {
    int device = 0;
    bool blocking = true;  // waits for the default stream, and it for this one
    bool destroyed = false;
    std::shared_ptr<Graph> captured_by;
    std::deque<Work> queue;
    long given = 0, done = 0;  // pieces of work
    unsigned priority = 0;     // of a seeded order; odd: works as soon as it can
};
using StreamPtr = std::shared_ptr<Stream>;

// The stream behind CUDA's handle; null if there is none (any more).
StreamPtr stream_of(void* handle);
bool is_default(const StreamPtr& stream);
bool works_at_once();
// Add work to a stream, or a node to the graph that captures it.
void give(const StreamPtr& stream, std::function<void()> act, std::vector<Mark> after = {});
// Do work until this place is reached; all of a stream's; all of every stream's.
void reach(const Mark& mark);
void finish(const StreamPtr& stream);
void finish_all();
// Do some work of any stream, so that who asks again and again gets on.
void advance(const Mark& towards);

void end_capture(const std::shared_ptr<Graph>& graph);

// Why something cannot be done while a stream is captured: it waits for that stream, for work of
// any stream (in a global capture), or is work of the default stream.
cudaError_t refused_by(const StreamPtr& stream);
cudaError_t refused_by_any(bool relaxed_too);
cudaError_t refused_by_default(const StreamPtr& stream);

// --- memory (memory.cpp)

struct Allocation {
    size_t begin, size;
    int device, type;  // cudaMemoryTypeDevice or cudaMemoryTypeHost
};
const Allocation* allocation_of(const void* address);
bool on_device(const void* address);

}  // namespace fake
