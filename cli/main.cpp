#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <vector>

#include "fovea/error.hpp"
#include "fovea/version.hpp"
#include "verb.hpp"

namespace fovea::cli {
namespace {

constexpr const char* kFooter = R"(
Examples:
  fovea build model.onnx -o model.plan
  fovea run model.plan --input in.npz --output out.npz
  fovea bench model.plan --sweep batch=1,2,4

`fovea VERB --help` explains a verb. Exit codes:
  0  done                          5  a file could not be read or written
  1  a bug of fovea                6  a damaged plan, or one of another version
  2  a wrong command line          7  a shape outside the plan's profile, or a limit
  3  a broken model                8  a precision, pin or budget that cannot be met
  4  a model with something that   9  a wrong result: refused by the numerics gate,
     fovea does not offer             or beyond the tolerance of `compare`)";

/// The order in which the help lists the verbs.
constexpr Verb (*kVerbs[])() = {
    // clang-format off
    build_verb,
    run_verb,
    inspect_verb,
    bench_verb,
    profile_verb,
    compare_verb,
    simplify_verb,
    extract_verb,
    doctor_verb,
    // clang-format on
};

int report(const std::string& message, ErrorCode code) {
    std::fflush(stdout);
    std::cerr << "fovea: " << message << "\n";
    return static_cast<int>(code);
}

/// Help and version go to standard output; anything else that CLI11 throws is a mistake on the command line.
int report(const CLI::App& app, const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    const auto chosen = app.get_subcommands();
    const std::string verb = chosen.empty() ? "" : chosen.front()->get_name();
    return report((verb.empty() ? "" : verb + " › ") + error.what() + " › run `fovea " + verb +
                      (verb.empty() ? "" : " ") + "--help`",
                  ErrorCode::invalid_argument);
}

int run(int argc, char** argv) {
    CLI::App app("fovea turns a trained vision network (ONNX) into a fast, verified plan for this machine and runs it.",
                 "fovea");
    app.set_version_flag("--version", std::string(version()));
    app.require_subcommand(1);
    app.footer(kFooter);
    std::function<void()> action;
    std::vector<std::string> names;
    for (const auto make : kVerbs) {
        const Verb verb = make();
        names.emplace_back(verb.name);
        CLI::App* sub = app.add_subcommand(verb.name, verb.summary);
        sub->callback([&action, declared = verb.declare(*sub)] { action = declared; });
    }
    if (argc < 2) throw Error(ErrorCode::invalid_argument, "a verb is missing › run `fovea --help`");
    if (argv[1][0] != '-' && std::find(names.begin(), names.end(), argv[1]) == names.end())
        throw Error(ErrorCode::invalid_argument,
                    "there is no verb \"" + std::string(argv[1]) + "\" › run `fovea --help`");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return report(app, error);
    }
    action();
    std::cout.flush();
    return 0;
}

}  // namespace
}  // namespace fovea::cli

int main(int argc, char** argv) {
    using namespace fovea;
    try {
        return cli::run(argc, argv);
    } catch (const Error& error) {
        return cli::report(error.what(), error.code());
    } catch (const std::bad_alloc&) {
        return cli::report("the memory of this machine does not suffice › use smaller shapes or a machine with more",
                           ErrorCode::out_of_range);
    } catch (const std::exception& error) {
        return cli::report(std::string(error.what()) + " › this is a bug of fovea", ErrorCode::internal);
    }
}
