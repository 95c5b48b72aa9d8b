// SPDX-License-Identifier: Apache-2.0
#include "keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace spliced::daemon {
namespace {

using C = CommandLine;
constexpr const char* kReload = "reload";
constexpr const char* kRestart = "restart";

// `otherwise` and `meaning` are text that --help and the documentation share.
constexpr std::array kKeys{
    Key{"listen", "ADDRESS", "unix:/PATH or HOST:PORT", "unix:/run/spliced/spliced.sock",
        "Address of the control API; repeatable. TCP needs a token on a loopback address; on others TLS, and a token "
        "or "
        "client certificates",
        kRestart, &C::listen},
    Key{"metrics_listen", "ADDRESS", "HOST:PORT, unix:/PATH or none", "127.0.0.1:9650",
        "Address of /metrics, /livez and /readyz", kRestart, &C::metrics_listen},
    Key{"state_dir", "DIR", "absolute path", "$STATE_DIRECTORY or /var/lib/spliced", "Where jobs are recorded",
        kRestart, &C::state_dir},
    Key{"recipe_dir", "DIR", "absolute path", "/etc/spliced/recipes",
        "Recipes of this host: *.json, beside those that the daemon brings, and in place of those of the same name",
        kRestart, &C::recipe_dir},
    Key{"results_key", "FILE", "PEM, an Ed25519 private key, not encrypted, not open to others",
        "the credential spliced.results-key, if there is one",
        "Results are signed with it; \"openssl genpkey -algorithm ed25519\" makes one", kReload, &C::results_key},
    Key{"results_key_name", "NAME", "128 characters at most", "none",
        "What people call that key: it is told with each signature", kReload, &C::results_key_name},
    Key{"keep_jobs", "N", "1 to 100000", "1000",
        "How many jobs that have ended are kept on record; the oldest go first", kRestart, &C::keep_jobs},
    Key{"keep_days", "N", "0 to 36500", "0: for ever", "For how many days after its end a job is kept on record",
        kRestart, &C::keep_days},
    Key{"max_running_devices", "N", "0 to 4096", "0: any number",
        "How many devices are worked on at a time; the others wait for their turn", kRestart, &C::max_running_devices},
    Key{"resume_timeout", "SECONDS", "0 to 86400", "600",
        "How long after a restart the devices of interrupted jobs are waited for", kRestart, &C::resume_timeout},
    Key{"allow", "GLOB", "absolute paths; * does not cross a slash", "none",
        "Targets that jobs may use; one ending in / allows all files below it; repeatable", kReload, &C::allow},
    Key{"unconfirmed_models", "GLOB", "models, as \"splicectl devices\" shows them; * stands for anything", "none",
        "Devices that jobs may write without naming their serial or WWN in /confirm; repeatable", kReload,
        &C::unconfirmed_models},
    Key{"read_group", "GROUP", "a group of this machine", "none",
        "Members may look at everything over the Unix socket and the bus, and change nothing", kRestart,
        &C::read_group},
    Key{"token_file", "FILE", "not open to others", "the credential spliced.tokens, if there is one",
        "Bearer tokens of TCP clients: lines of NAME SCOPE sha256:HEX [expires=TIME], or one token as it is, which may "
        "do "
        "everything",
        kReload, &C::token_file},
    Key{"tls_cert", "FILE", "PEM", "the credential spliced.tls-cert, if there is one",
        "Certificate of the control API on TCP, followed by those between it and the root", kReload, &C::tls_cert},
    Key{"tls_key", "FILE", "PEM, not encrypted, not open to others", "the credential spliced.tls-key, if there is one",
        "Its private key", kReload, &C::tls_key},
    Key{"tls_client_ca", "FILE", "PEM", "the credential spliced.tls-client-ca, if there is one",
        "Clients with a certificate of this authority are let in, as tls_client says", kReload, &C::tls_client_ca},
    Key{"tls_client_crl", "FILE", "PEM", "the credential spliced.tls-client-crl, if there is one",
        "What was revoked: a list of that authority, and of each below it", kReload, &C::tls_client_crl},
    Key{"tls_client", "NAME=SCOPE", "DNS:, URI:, email: or IP: and the name; read, run or destroy",
        "every certificate of the authority: destroy",
        "What clients may do, by a subject alternative name of their certificate; repeatable; others are refused",
        kReload, &C::tls_client},
    Key{"tls_min_version", "VERSION", "1.2 or 1.3", "1.3", "The oldest TLS that is spoken, on all listeners", kReload,
        &C::tls_min_version},
    Key{"metrics_tls_cert", "FILE", "PEM", "none: plain HTTP", "Certificate of the metrics listener", kReload,
        &C::metrics_tls_cert},
    Key{"metrics_tls_key", "FILE", "PEM, not encrypted, not open to others", "none", "Its private key", kReload,
        &C::metrics_tls_key},
    Key{"metrics_tls_client_ca", "FILE", "PEM", "none: whoever connects",
        "Only clients with a certificate of this authority may scrape", kReload, &C::metrics_tls_client_ca},
    Key{"metrics_tls_client_crl", "FILE", "PEM", "none",
        "What was revoked: a list of that authority, and of each below it", kReload, &C::metrics_tls_client_crl},
    Key{"insecure_no_auth", "", "true or false", "false",
        "Serve TCP without asking who it is, on loopback addresses only: whoever is on this machine may do everything",
        kRestart, &C::insecure_no_auth},
    Key{"bus", "BUS", "system, session or none", "system", "D-Bus to join", kRestart, &C::bus},
    Key{"log_level", "LEVEL", "error, warning, notice, info or debug", "info", "What is logged", kReload,
        &C::log_level},
};

}  // namespace

std::string Key::flag() const {
  std::string out = "--" + std::string(name);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

std::span<const Key> keys() {
  return kKeys;
}

std::string keys_table() {
  std::string out = "| key | value | default | meaning | a change needs |\n| --- | --- | --- | --- | --- |\n";
  for (const Key& key : kKeys) {
    out += fmt::format("| `{}` | {}{} | {} | {} | {} |\n", key.name, key.repeats() ? "array: " : "", key.range,
                       key.otherwise, key.meaning, key.changes);
  }
  return out;
}

std::string keys_manual() {
  std::string out;
  for (const Key& key : kKeys) {
    out += fmt::format(".TP\n.B {}\n{}{}: {}. Default: {}. A change needs a {}.\n", key.name,
                       key.repeats() ? "array of strings, " : "", key.range, key.meaning, key.otherwise, key.changes);
  }
  std::string escaped;
  for (const char c : out) escaped += c == '-' ? "\\-" : std::string(1, c);
  return escaped;
}

}  // namespace spliced::daemon
