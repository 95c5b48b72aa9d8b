// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <fmt/format.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <functional>

#include "block_command.h"
#include "commands.h"
#include "context_commands.h"
#include "results_command.h"
#include "spliced/util/text.h"

namespace spliced::cli {
namespace {

constexpr const char* kFooter = R"(
Exit status: 0 the job has the verdict PASS, or the command succeeded; 1 the job has the verdict FAIL; 2 wrong usage; 3 the
daemon was not reached; 4 refused or invalid; 5 cancelled, interrupted or without a verdict; 6 the verdict INCONCLUSIVE.

Examples:
  splicectl run job.json            submit, show progress, wait; Ctrl-C cancels the job
  splicectl run --json - <job.json | jq .verdict
  splicectl run --recipe burnin-hdd --destructive --confirm SERIAL /dev/sdb
  splicectl recipes                 what there is to run; recipes NAME shows the parameters of one
  splicectl devices                 what may be written, and why not
  splicectl results ID -o results.json && splicectl check results.json && splicectl judge results.json
See splicectl(1).)";

struct Options {
  Target target;
  std::string context, name;
  bool json = false, verbose = false, follow = false;
  unsigned progress = 30;
  Wanted wanted;
  std::string id, state, device, offset, length = "4k", output, public_key;
  std::function<int(const Context&)> command;
  std::function<int()> local;  // of a command that needs no daemon
};

CLI::App* command(CLI::App& app, const char* name, const char* help, Options& o,
                  std::function<int(const Context&)> run) {
  CLI::App* sub = app.add_subcommand(name, help);
  sub->add_flag("--json", o.json, "Print the daemon's JSON");
  sub->callback([&o, run] { o.command = run; });
  return sub;
}

void add_target(CLI::App& app, Options& o) {
  app.add_option(
         "--server", o.target.server,
         "unix:/PATH, http://HOST:PORT or https://HOST:PORT (default unix:/run/spliced/spliced.sock); $SPLICED_SERVER")
      ->type_name("ADDRESS");
  app.add_option("--token-file", o.target.token_file,
                 "File with the bearer token for a TCP server; $SPLICED_TOKEN_FILE")
      ->type_name("FILE");
  app.add_option("--cacert", o.target.cacert,
                 "Authority of the server's certificate (default: those the system trusts); $SPLICED_CACERT")
      ->type_name("FILE");
  app.add_option("--cert", o.target.cert, "Certificate to show to the server; $SPLICED_CERT")->type_name("FILE");
  app.add_option("--key", o.target.key, "Its private key; $SPLICED_KEY")->type_name("FILE");
  app.add_option("--context", o.context,
                 "Server and credentials that \"context set\" has put under this name; $SPLICED_CONTEXT")
      ->type_name("NAME");
}

void add_context_commands(CLI::App& app, Options& o) {
  CLI::App* context = app.add_subcommand("context", "Name servers and what to show them, and choose one");
  context->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, int (*run)(const Options&)) {
    CLI::App* sub = context->add_subcommand(name, help);
    sub->callback([&o, run] { o.local = [&o, run] { return run(o); }; });
    return sub;
  };
  const auto named = [&](CLI::App* sub) { sub->add_option("NAME", o.name, "Name of the context")->required(); };
  add("list", "List them; * is the current one", [](const Options& given) { return list_contexts(given.json); });
  named(add("set", "Put --server and the other flags under a name",
            [](const Options& given) { return set_context(given.name, given.target); }));
  named(add("use", "Make one the current one", [](const Options& given) { return use_context(given.name); }));
  named(add("delete", "Forget one", [](const Options& given) { return delete_context(given.name); }));
}

void add_block_command(CLI::App& app, Options& o) {
  CLI::App* sub =
      app.add_subcommand("block", "Tell what data on a device or in an image says of itself; asks no daemon");
  sub->add_flag("--json", o.json, "Print JSON");
  sub->add_option("DEVICE", o.device, "Device or file")->required();
  sub->add_option("OFFSET", o.offset, "Where, such as 12288 or 3M")->required();
  sub->add_option("--length", o.length, "How much of it, 16M at most (default 4k)")->type_name("SIZE");
  sub->callback([&o] { o.local = [&o] { return block(o.device, o.offset, o.length, o.json); }; });
}

void add_results_commands(CLI::App& app, Options& o) {
  CLI::App* got = command(app, "results", "Get the results of a job as a document that can be judged and checked", o,
                          [&](const Context& c) { return results(c, o.id, o.device, o.output); });
  got->add_option("ID", o.id, "Id of the job")
      ->required()
      ->check(CLI::Validator([](std::string& text) { return text.empty() ? "something is expected" : ""; }, ""));
  got->add_option("--device", o.device,
                  "Of this device alone, with its bands, histograms and series; of several devices, without it, there "
                  "is a summary")
      ->type_name("NAME");
  got->add_option("-o,--output", o.output, "A file, which comes to be as a whole (default: standard output)")
      ->type_name("FILE");
  CLI::App* judged =
      app.add_subcommand("judge", "Work out the verdict again from a results document, and compare; asks no daemon");
  judged->add_flag("--json", o.json, "Print JSON");
  judged->add_option("FILE", o.output, "The document, - for standard input")->required();
  judged->callback([&o] { o.local = [&o] { return judge(o.output, o.json); }; });
  CLI::App* checked = app.add_subcommand(
      "check", "Say whether a results document is as it was made, and who signed it; asks no daemon");
  checked->add_flag("--json", o.json, "Print JSON");
  checked->add_option("FILE", o.output, "The document, - for standard input")->required();
  checked->add_option("--public-key", o.public_key, "Who must have signed it: an Ed25519 public key in PEM")
      ->type_name("FILE");
  checked->callback([&o] { o.local = [&o] { return check(o.output, o.public_key, o.json); }; });
}

void add_wanted(CLI::App& app, Wanted& wanted) {
  app.add_option("FILE", wanted.words, "Job definition as JSON, - for standard input; with --recipe, the devices")
      ->required();
  app.add_option("--recipe", wanted.recipe, "A job by its recipe, for these devices; see splicectl recipes")
      ->type_name("NAME");
  app.add_option("--set", wanted.settings, "A parameter of the recipe; repeatable")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all();
  app.add_option("--name", wanted.name, "With --recipe: what the job is called")->type_name("NAME");
  app.add_flag("--destructive", wanted.destructive, "With --recipe: data on the devices may be lost");
  app.add_option("--confirm", wanted.confirm,
                 "With --recipe: serial or WWN of a device whose data may be lost; repeatable")
      ->type_name("WORD")
      ->expected(1)
      ->take_all();
  app.add_option("--overwrite-signatures", wanted.overwrite,
                 "With --recipe: a signature that may be lost, or all; repeatable")
      ->type_name("NAME")
      ->expected(1)
      ->take_all();
  app.add_flag("--queue", wanted.queue, "With --recipe: wait where another job has a device");
}

void add_commands(CLI::App& app, Options& o) {
  add_target(app, o);
  app.add_flag("--json", o.json, "Print the daemon's JSON");
  app.add_flag_callback(
      "--version", [] { throw CLI::CallForVersion("splicectl " SPLICED_VERSION, 0); }, "Print the version and exit");
  const auto file = [&](CLI::App* sub) { add_wanted(*sub, o.wanted); };
  const CLI::Validator not_empty([](std::string& text) { return text.empty() ? "something is expected" : ""; }, "");
  const auto id = [&](CLI::App* sub) { sub->add_option("ID", o.id, "Id of the job")->required()->check(not_empty); };
  file(command(app, "submit", "Submit a job and print its id", o,
               [&](const Context& c) { return submit(c, o.wanted); }));
  const auto watching = [&](CLI::App* sub) {
    sub->add_option("--progress", o.progress, "Seconds between lines where there is no terminal; 0: none (default 30)")
        ->type_name("SECONDS")
        ->check(CLI::Range(0U, 86'400U));
    return sub;
  };
  const auto verbose = [&](CLI::App* sub) {
    sub->add_flag("-v,--verbose", o.verbose, "Show what the engine was set to, and why");
    return sub;
  };
  file(command(app, "validate", "Say what a job would do, or why it would be refused, and touch nothing", o,
               [&](const Context& c) { return validate(c, o.wanted); }));
  file(verbose(watching(command(app, "run", "Submit a job, show its progress and wait for its end", o,
                                [&](const Context& c) { return run(c, o.wanted); }))));
  id(verbose(watching(command(app, "wait", "Show the progress of a job and wait for its end", o,
                              [&](const Context& c) { return wait(c, o.id); }))));
  CLI::App* happened = command(app, "events", "Tell what happened to a job, or to all", o,
                               [&](const Context& c) { return events(c, o.id, o.follow); });
  happened->add_option("ID", o.id, "Id of the job (default: all jobs)")->check(not_empty);
  happened->add_flag("-f,--follow", o.follow, "Go on with what happens, over restarts of the daemon; Ctrl-C ends it");
  happened->add_flag("-v,--verbose", o.verbose, "Tell the progress of running jobs, too");
  CLI::App* jobs =
      command(app, "list", "List jobs, newest first", o, [&](const Context& c) { return list(c, o.state, o.device); });
  jobs->add_option("--state", o.state, "Only jobs in this state, e.g. RUNNING");
  jobs->add_option("--device", o.device, "Only jobs on this device or file, by kernel name or path")->check(not_empty);
  id(verbose(command(app, "show", "Show one job", o, [&](const Context& c) { return show(c, o.id); })));
  id(command(app, "cancel", "Stop a job", o, [&](const Context& c) { return control(c, o.id, "cancel"); }));
  id(command(app, "pause", "Stop all I/O of a job for a while; its devices stay claimed", o,
             [&](const Context& c) { return control(c, o.id, "pause"); }));
  id(command(app, "resume", "Let a paused job go on", o, [&](const Context& c) { return control(c, o.id, "resume"); }));
  id(command(app, "delete", "Forget a job that has ended", o, [&](const Context& c) { return remove(c, o.id); }));
  command(app, "devices", "List devices and whether they may be written", o, [&](const Context& c) {
    return devices(c, o.device);
  })->add_option("NAME", o.device, "Only this one, by its kernel name, e.g. sdb");
  command(app, "recipes", "List the templates of jobs, or show one and its parameters", o, [&](const Context& c) {
    return recipes(c, o.name);
  })->add_option("NAME", o.name, "Only this one");
  command(app, "capabilities", "Show what this kernel does with splice and vmsplice", o,
          [](const Context& c) { return capabilities(c); });
  add_results_commands(app, o);
  add_block_command(app, o);
  add_context_commands(app, o);
  command(app, "version", "Print the versions of splicectl and of the daemon", o,
          [](const Context& c) { return version(c); });
  app.require_subcommand(1);
}

Asked environment() {
  return {{variable("SPLICED_SERVER"), variable("SPLICED_TOKEN_FILE"), variable("SPLICED_CACERT"),
           variable("SPLICED_CERT"), variable("SPLICED_KEY")},
          variable("SPLICED_CONTEXT")};
}

util::Result<Client> connect(const Options& options) {
  const Asked variables = environment();
  const bool has_server = !options.target.server.empty() ||
                          (options.context.empty() && variables.context.empty() && !variables.target.server.empty());
  const auto contexts = has_server ? Contexts{} : read_contexts(contexts_file());
  if (!contexts) return tl::unexpected(contexts.error());
  const auto target = choose({options.target, options.context}, variables, *contexts);
  if (!target) return tl::unexpected(target.error());
  return Client::create(*target);
}

// https://no-color.org
bool wants_colour() {
  const char* none = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
  return ::isatty(STDOUT_FILENO) == 1 && !dumb && (none == nullptr || *none == '\0');
}

}  // namespace

int program(int argc, char** argv) {
  CLI::App app("splicectl talks to the spliced daemon.", "splicectl");
  app.footer(kFooter);
  app.fallthrough();
  Options options;
  add_commands(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    if (app.remaining_size() == 0) return app.exit(error), kUsage;
    fmt::print(stderr, "splicectl: there is no command \"{}\"\nRun with --help for more information.\n",
               util::printable(app.remaining().front()));
    return kUsage;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kPassed : kUsage;
  }
  if (options.local) return options.local();
  auto client = connect(options);
  if (!client) return unreadable(client.error());
  return options.command({*client, options.json, options.progress, {wants_colour(), options.verbose}});
}

}  // namespace spliced::cli
