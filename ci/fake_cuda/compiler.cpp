// NVRTC: g++ compiles each source, with include/kernel.h, to a library that kernels.cpp loads.
//
// Libraries are kept in FAKE_CUDA_CACHE by a hash of what they are made of. Processes that want the
// same one wait for each other.
#include "fake.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <regex>
#include <sstream>

namespace fake {

struct Program {
    std::string source, log, image;
    std::vector<std::string> expressions, lowered;  // names of templates' instances
};

static std::string home() {  // the folder of this library
    Dl_info found;
    dladdr((void*)&home, &found);
    const std::string path = found.dli_fname;
    return path.substr(0, path.rfind('/'));
}

static std::string options_of(int n, const char** given) {
    std::string found;
    for (int k = 0; k < n; ++k)
        if (!strncmp(given[k], "-I", 2) || !strncmp(given[k], "-D", 2))
            found += " '" + std::string(given[k]) + "'";
    return found;
}

// Shared memory whose size the launch gives becomes an array of the most that a block may have.
static std::string with_dynamic_memory(const std::string& source) {
    static const std::regex dynamic(R"(extern\s+__shared__\s+([^;\[]+?)\s+(\w+)\s*\[\s*\])");
    std::string text = std::regex_replace(source, dynamic, "$1* $2 = ($1*)fake_dynamic");
    return text == source ? text : "alignas(16) static char fake_dynamic[1 << 18];\n" + text;
}

static std::string launchers_of(const std::string& text, const Program& program) {
    static const std::regex kernel(
        R"(extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\()");
    std::string found;
    for (auto i = std::sregex_iterator(text.begin(), text.end(), kernel); i != std::sregex_iterator();
         ++i)
        found += "FAKE_LAUNCHER(" + (*i)[1].str() + ", " + (*i)[1].str() + ")\n";
    for (size_t k = 0; k < program.expressions.size(); ++k)
        found += "FAKE_LAUNCHER(" + program.lowered[k] + ", " + program.expressions[k] + ")\n";
    return found;
}

static bool has_threads_that_wait(const std::string& text) {
    for (const char* word : {"__sync", "__shfl", "cub/block"})
        if (text.find(word) != std::string::npos) return true;
    return false;
}

static std::string text_of(const Program& program) {
    const std::string source = with_dynamic_memory(program.source);
    const char* header = has_threads_that_wait(source) ? "waiting.h" : "looping.h";
    return "#include \"" + std::string(header) + "\"\n#line 1 \"kernel.cu\"\n" + source + "\n" +
           launchers_of(source, program);
}

static std::string contents(const std::string& path) {
    std::stringstream found;
    found << std::ifstream(path).rdbuf();
    return found.str();
}

// Holds a lock on a file between processes.
class FileLock {
  public:
    explicit FileLock(const std::string& path) : file_(open(path.c_str(), O_CREAT | O_RDWR, 0666)) {
        flock(file_, LOCK_EX);
    }
    ~FileLock() { close(file_); }

  private:
    int file_;
};

static bool exists(const std::string& path) {
    struct stat found;
    return !stat(path.c_str(), &found);
}

static bool compile(const std::string& stem, const std::string& text, const std::string& options,
                    std::string& log) {
    std::ofstream(stem + ".cpp") << text;
    // FAKE_CUDA_CXX is written by build.py: the compiler, and the options of the compiled headers
    const std::string command = setting("FAKE_CUDA_CXX", "g++ -std=c++17 -O1 -w -fPIC") +
                                " -shared -I" + home() + options + " -o " + stem + ".part " + stem +
                                ".cpp > " + stem + ".log 2>&1";
    ++counts[COMPILATIONS];
    const bool done = system(command.c_str()) == 0;
    log = contents(stem + ".log");
    if (done) rename((stem + ".part").c_str(), (stem + ".so").c_str());
    else complain("%s\n%s", command.c_str(), log.substr(0, 1500).c_str());
    unlink((stem + ".log").c_str());
    return done;
}

}  // namespace fake

using namespace fake;

API const char* nvrtcGetErrorString(int status) {
    return status ? "NVRTC_ERROR_COMPILATION" : "NVRTC_SUCCESS";
}

API int nvrtcVersion(int* major, int* minor) {
    *major = 13;
    *minor = 0;
    return 0;
}

API int nvrtcGetNumSupportedArchs(int* n) {
    *n = 4;
    return 0;
}

API int nvrtcGetSupportedArchs(int* found) {
    const int known[] = {75, 80, 90, 100};
    memcpy(found, known, sizeof known);
    return 0;
}

API int nvrtcCreateProgram(
    Program** made, const char* source, const char*, int, const char**, const char**
) {
    *made = new Program{source};
    return 0;
}

API int nvrtcDestroyProgram(Program** program) {
    delete *program;
    *program = nullptr;
    return 0;
}

API int nvrtcAddNameExpression(Program* program, const char* expression) {
    program->lowered.push_back("instance_" + std::to_string(program->expressions.size()));
    program->expressions.push_back(expression);
    return 0;
}

API int nvrtcGetLoweredName(Program* program, const char* expression, const char** name) {
    for (size_t k = 0; k < program->expressions.size(); ++k)
        if (program->expressions[k] == expression) {
            *name = program->lowered[k].c_str();
            return 0;
        }
    return 10;  // NVRTC_ERROR_NAME_EXPRESSION_NOT_VALID
}

API int nvrtcCompileProgram(Program* program, int n, const char** given) {
    const std::string text = text_of(*program), options = options_of(n, given);
    const std::string folder = setting("FAKE_CUDA_CACHE", (home() + "/kernels").c_str());
    mkdir(folder.c_str(), 0777);
    const size_t hash = std::hash<std::string>()(text + options);
    const std::string stem = folder + "/" + std::to_string(hash);
    FileLock lock(stem + ".lock");
    const bool done = exists(stem + ".so") || compile(stem, text, options, program->log);
    program->image = "FAKE:" + stem + ".so\n";
    return done ? 0 : 6;  // NVRTC_ERROR_COMPILATION
}

static int give(const std::string& text, char* out) {
    memcpy(out, text.c_str(), text.size() + 1);
    return 0;
}

API int nvrtcGetPTXSize(Program* program, size_t* n) { return *n = program->image.size() + 1, 0; }
API int nvrtcGetPTX(Program* program, char* out) { return give(program->image, out); }
API int nvrtcGetCUBINSize(Program* program, size_t* n) { return nvrtcGetPTXSize(program, n); }
API int nvrtcGetCUBIN(Program* program, char* out) { return give(program->image, out); }
API int nvrtcGetProgramLogSize(Program* program, size_t* n) { return *n = program->log.size() + 1, 0; }
API int nvrtcGetProgramLog(Program* program, char* out) { return give(program->log, out); }
API int nvrtcGetLTOIRSize(Program*, size_t*) { return 1; }
API int nvrtcGetLTOIR(Program*, char*) { return 1; }
