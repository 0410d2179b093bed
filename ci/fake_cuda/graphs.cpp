// Capture of a stream as a graph, and its replay. The nodes run in the order of their capture, also
// those of streams that joined it.
#include "fake.h"

using namespace fake;

// CUDA's handle of a graph; an executable one is the same.
struct Handle {
    std::shared_ptr<Graph> graph;
};

API cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
    LOCK;
    if ((uintptr_t)handle <= 2) return failed((cudaError_t)900);  // a default stream
    StreamPtr stream = stream_of(handle);
    if (!stream || stream->captured_by) return failed(cudaErrorIllegalState);
    stream->captured_by = std::make_shared<Graph>();
    stream->captured_by->relaxed = mode == cudaStreamCaptureModeRelaxed;
    return cudaSuccess;
}

API cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* made) {
    LOCK;
    *made = nullptr;
    StreamPtr stream = stream_of(handle);
    if (!stream || !stream->captured_by) return failed(cudaErrorIllegalState);
    auto graph = stream->captured_by;
    end_capture(graph);
    if (graph->broken) return failed((cudaError_t)901);
    *made = (cudaGraph_t) new Handle{graph};
    return cudaSuccess;
}

API cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
    LOCK;
    StreamPtr stream = (uintptr_t)handle > 2 ? stream_of(handle) : nullptr;
    *status = cudaStreamCaptureStatusNone;
    if (stream && stream->captured_by)
        *status = stream->captured_by->broken ? cudaStreamCaptureStatusInvalidated
                                              : cudaStreamCaptureStatusActive;
    return cudaSuccess;
}

API cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t graph, unsigned long long) {
    LOCK;
    *made = (cudaGraphExec_t) new Handle(*(Handle*)graph);
    return cudaSuccess;
}

API cudaError_t cudaGraphLaunch(cudaGraphExec_t graph_handle, cudaStream_t handle) {
    LOCK;
    StreamPtr stream = stream_of(handle);
    if (!stream) return failed(cudaErrorInvalidResourceHandle);
    TRY(refused_by_default(stream));
    auto graph = ((Handle*)graph_handle)->graph;
    ++counts[GRAPH_LAUNCHES];
    counts[GRAPH_NODES] += graph->nodes.size();
    give(stream, [graph] {
        for (auto& node : graph->nodes) node();
    });
    return cudaSuccess;
}

API cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) { return cudaSuccess; }

API cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    LOCK;
    delete (Handle*)graph;
    return cudaSuccess;
}

API cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
    LOCK;
    delete (Handle*)graph;
    return cudaSuccess;
}
