// Streams and events. A stream is a queue of work, and FAKE_CUDA_STREAMS says when work is done:
//
//   now      at once, as it is given (the default)
//   late     when somebody waits for it, and then no more than that needs
//   1, 2, …  the seed of a random order: each stream has a priority that changes now and then. Half
//            of them work as soon as they can; while somebody waits, the ready stream of highest
//            priority goes first, asked for or not.
//
// So if a wait is missing between two streams, numbers are wrong in some of these orders.
#include "fake.h"

#include <algorithm>
#include <ctime>
#include <map>
#include <random>

namespace fake {

static std::map<Stream*, StreamPtr> streams;
static StreamPtr defaults[MAX_DEVICES];
static std::mt19937 chance;
static enum { UNKNOWN, NOW, LATE, SEEDED } order = UNKNOWN;

static void read_order() {
    if (order != UNKNOWN) return;
    const std::string how = setting("FAKE_CUDA_STREAMS", "now");
    order = how == "now" ? NOW : how == "late" ? LATE : SEEDED;
    if (order == SEEDED) chance.seed(std::stoul(how));
}

bool works_at_once() {
    read_order();
    return order == NOW;
}

// A destroyed stream goes when its work is done.
static void forget_the_destroyed() {
    for (auto i = streams.begin(); i != streams.end();)
        i = i->second->destroyed && i->second->queue.empty() ? streams.erase(i) : std::next(i);
}

static StreamPtr made(int on, bool blocking) {
    forget_the_destroyed();
    auto stream = std::make_shared<Stream>();
    stream->device = on;
    stream->blocking = blocking;
    streams[stream.get()] = stream;
    return stream;
}

StreamPtr stream_of(void* handle) {
    if ((uintptr_t)handle > 2) {  // 1 and 2 are CUDA's names of default streams
        auto found = streams.find((Stream*)handle);
        if (found != streams.end() && !found->second->destroyed) return found->second;
        complain("work for a stream that was destroyed");
        return nullptr;
    }
    if (!defaults[device]) defaults[device] = made(device, true);
    return defaults[device];
}

bool is_default(const StreamPtr& stream) { return stream == defaults[stream->device]; }

// --- the order of work

bool Mark::done() const { return !stream || stream->done >= n; }

static bool ready(const Stream& stream) {
    if (stream.queue.empty()) return false;
    const auto& after = stream.queue.front().after;
    return std::all_of(after.begin(), after.end(), [](const Mark& m) { return m.done(); });
}

static void work(Stream& stream) {
    Work next = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (next.act) next.act();
    ++stream.done;
}

// Reach a place by no more work than it needs.
static void reach_lazily(const Mark& mark) {
    while (!mark.done()) {
        const std::vector<Mark> after = mark.stream->queue.front().after;
        for (const Mark& m : after) reach_lazily(m);
        work(*mark.stream);
    }
}

static bool work_of_highest_priority() {
    Stream* best = nullptr;
    for (auto& [stream, _] : streams)
        if (ready(*stream) && (!best || stream->priority > best->priority)) best = stream;
    if (best) work(*best);
    return best;
}

void reach(const Mark& mark) {
    if (order == SEEDED)
        while (!mark.done() && work_of_highest_priority()) {}
    reach_lazily(mark);
}

void finish(const StreamPtr& stream) { reach({stream, stream->given}); }

void finish_all() {
    for (auto& [_, stream] : streams) finish(stream);
}

void advance(const Mark& towards) {
    if (!towards.done() && !work_of_highest_priority())
        reach({towards.stream, towards.stream->done + 1});
}

static void let_the_eager_work() {
    for (bool any = true; any;) {
        any = false;
        for (auto& [stream, _] : streams)
            while (stream->priority % 2 && ready(*stream)) {
                work(*stream);
                any = true;
            }
    }
}

// A default stream and the blocking ones wait for each other.
static void add_implicit_waits(const StreamPtr& stream, std::vector<Mark>& after) {
    const auto& main = defaults[stream->device];
    if (stream != main) {
        if (stream->blocking && main) after.push_back({main, main->given});
        return;
    }
    for (auto& [_, other] : streams)
        if (other != stream && other->device == stream->device && other->blocking)
            after.push_back({other, other->given});
}

void give(const StreamPtr& stream, std::function<void()> act, std::vector<Mark> after) {
    read_order();
    if (stream->captured_by) {
        if (act) stream->captured_by->nodes.push_back(std::move(act));
        return;
    }
    add_implicit_waits(stream, after);
    ++stream->given;
    stream->queue.push_back({std::move(act), std::move(after)});
    if (order == NOW) finish(stream);
    if (order != SEEDED) return;
    if (!stream->priority || chance() % 64 == 0) stream->priority = chance() | 2;
    let_the_eager_work();
}

// --- what a capture refuses, and breaks it

static cudaError_t broken(Graph& graph, int error) {
    graph.broken = true;
    return (cudaError_t)error;
}

cudaError_t refused_by(const StreamPtr& stream) {
    return stream->captured_by ? broken(*stream->captured_by, 900) : cudaSuccess;
}

cudaError_t refused_by_any(bool relaxed_too) {
    for (auto& [stream, _] : streams)
        if (stream->captured_by && (relaxed_too || !stream->captured_by->relaxed))
            return broken(*stream->captured_by, 900);
    return cudaSuccess;
}

cudaError_t refused_by_default(const StreamPtr& stream) {
    if (!is_default(stream)) return cudaSuccess;
    for (auto& [other, _] : streams)
        if (other->captured_by && (other->blocking || !other->captured_by->relaxed))
            return broken(*other->captured_by, 906);
    return cudaSuccess;
}

void end_capture(const std::shared_ptr<Graph>& graph) {
    for (auto& [_, stream] : streams)
        if (stream->captured_by == graph) stream->captured_by = nullptr;
}

struct Event {
    int device = 0;
    Mark at;
    std::shared_ptr<Graph> captured_by;
    double seconds = 0;
};

static double seconds_now() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

}  // namespace fake

using namespace fake;

// --- CUDA's functions: streams

API cudaError_t cudaStreamCreateWithFlags(cudaStream_t* handle, unsigned flags) {
    LOCK;
    *handle = (cudaStream_t)made(device, !(flags & cudaStreamNonBlocking)).get();
    return cudaSuccess;
}

API cudaError_t cudaStreamCreate(cudaStream_t* handle) {
    return cudaStreamCreateWithFlags(handle, 0);
}

API cudaError_t cudaStreamCreateWithPriority(cudaStream_t* handle, unsigned flags, int) {
    return cudaStreamCreateWithFlags(handle, flags);
}

API cudaError_t cudaStreamDestroy(cudaStream_t handle) {
    LOCK;
    StreamPtr stream = stream_of(handle);
    if (!stream) return failed(cudaErrorInvalidResourceHandle);
    stream->destroyed = true;
    return cudaSuccess;
}

API cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
    LOCK;
    StreamPtr stream = stream_of(handle);
    if (!stream) return failed(cudaErrorInvalidResourceHandle);
    TRY(refused_by(stream));
    TRY(refused_by_default(stream));
    ++counts[SYNCHRONISATIONS];
    std::vector<Mark> after;
    if (is_default(stream)) add_implicit_waits(stream, after);
    for (const Mark& mark : after) reach(mark);
    finish(stream);
    return cudaSuccess;
}

API cudaError_t cudaDeviceSynchronize() {
    LOCK;
    TRY(refused_by_any(true));
    ++counts[SYNCHRONISATIONS];
    finish_all();
    return cudaSuccess;
}

API cudaError_t cudaStreamQuery(cudaStream_t handle) {
    LOCK;
    StreamPtr stream = stream_of(handle);
    if (!stream) return failed(cudaErrorInvalidResourceHandle);
    TRY(refused_by(stream));
    advance({stream, stream->given});
    return stream->queue.empty() ? cudaSuccess : cudaErrorNotReady;
}

API cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event_handle, unsigned) {
    LOCK;
    StreamPtr stream = stream_of(handle);
    if (!stream) return failed(cudaErrorInvalidResourceHandle);
    const Event& event = *(Event*)event_handle;
    ++counts[EVENTS_AWAITED];
    if (event.captured_by) {  // the stream joins that capture
        if (!stream->captured_by) stream->captured_by = event.captured_by;
        return cudaSuccess;
    }
    if (stream->captured_by) return failed(broken(*stream->captured_by, 905));
    TRY(refused_by_default(stream));
    if (!event.at.done()) give(stream, nullptr, {event.at});
    return cudaSuccess;
}

// --- events

API cudaError_t cudaEventCreateWithFlags(cudaEvent_t* handle, unsigned) {
    LOCK;
    auto event = new Event;
    event->device = device;
    *handle = (cudaEvent_t)event;
    return cudaSuccess;
}

API cudaError_t cudaEventCreate(cudaEvent_t* handle) { return cudaEventCreateWithFlags(handle, 0); }

API cudaError_t cudaEventDestroy(cudaEvent_t handle) {
    LOCK;
    delete (Event*)handle;
    return cudaSuccess;
}

API cudaError_t cudaEventRecord(cudaEvent_t handle, cudaStream_t stream_handle) {
    LOCK;
    StreamPtr stream = stream_of(stream_handle);
    Event& event = *(Event*)handle;
    if (!stream || event.device != stream->device) return failed(cudaErrorInvalidResourceHandle);
    ++counts[EVENTS_RECORDED];
    event.captured_by = stream->captured_by;
    if (stream->captured_by) return cudaSuccess;
    TRY(refused_by_default(stream));
    give(stream, nullptr);
    event.at = {stream, stream->given};
    event.seconds = seconds_now();
    return cudaSuccess;
}

API cudaError_t cudaEventQuery(cudaEvent_t handle) {
    LOCK;
    const Event& event = *(Event*)handle;
    if (event.captured_by) return failed((cudaError_t)907);
    advance(event.at);
    return event.at.done() ? cudaSuccess : cudaErrorNotReady;
}

API cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
    LOCK;
    const Event& event = *(Event*)handle;
    if (event.captured_by) return failed((cudaError_t)907);
    ++counts[EVENT_SYNCHRONISATIONS];
    reach(event.at);
    return cudaSuccess;
}

API cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
    *milliseconds = (((Event*)end)->seconds - ((Event*)begin)->seconds) * 1e3;
    return cudaSuccess;
}
