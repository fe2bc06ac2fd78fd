//! What `--help` shows at the end, command by command.

/// `server`.
pub(crate) const SERVER: &str = "\
Examples:
  agentctl server register clock.json --enable
  agentctl server list
  agentctl server tools /clock
  agentctl server call /clock now --arguments '{\"zone\": \"Asia/Tokyo\"}'

Exit codes: 0 done, 1 refused or failed, 2 wrong use, 3 no or stale credentials, 4 unreachable";

pub(super) const REGISTER: &str = "\
Examples:
  echo '{\"server_name\": \"Clock\", \"description\": \"Says the time\", \"path\": \"/clock\",
         \"proxy_pass_url\": \"http://127.0.0.1:8001/mcp\"}' | agentctl server register - --enable
  agentctl server register fetch.json --header Authorization=@fetch.authorization
  pass fetch/key | agentctl server register fetch.json --header X-Api-Key=-

A header's value is a secret: it comes from a file or from standard input, never from the command line,
is kept sealed, and is shown to nobody again. A card is checked here by the server's own rules before
anything is sent, and all faults of all cards are told at once. --unchecked leaves that to the server.
The registry asks a new server for its tools; if it is silent, that is a warning.

Exit codes: 0 all are registered, 1 the server refused one, 2 a file cannot be read or a card has
faults (nothing was sent), 3 no or stale credentials, 4 unreachable";

pub(super) const LIST: &str = "\
Examples:
  agentctl server list
  agentctl server list --enabled-only --tag time
  agentctl server list --all --json | jq -r '.servers[] | select(.health_status != \"healthy\") | .path'

On a terminal the table fits its width; in a pipe nothing is cut.

Exit codes: 0 done (also when there is none), 1 refused, 3 no or stale credentials, 4 unreachable";

pub(super) const GET: &str = "\
Examples:
  agentctl server get /clock
  agentctl server get /clock --json > clock.json

Of the headers that it is called with, the names are shown.

Exit codes: 0 done, 1 refused or not there, 3 no or stale credentials, 4 unreachable";

pub(super) const UPDATE: &str = "\
Examples:
  agentctl server update /clock clock.json
  echo '{\"answer_timeout\": 120, \"license\": null}' | agentctl server update /clock - --patch
  echo '{}' > nothing.json; agentctl server update /fetch nothing.json --patch --header X-Api-Key=@key

The change applies to the state of now, or to the state of --if-match; when somebody else has
changed the card since, nothing is changed. A header whose value is *** keeps the one it has. Without
--patch the headers that are sent, if any are, are all it has afterwards.

Exit codes: 0 changed, 1 refused, or somebody else has changed it, 2 the file cannot be read,
3 no or stale credentials, 4 unreachable";

pub(super) const DELETE: &str = "\
Examples:
  agentctl server delete /clock
  agentctl server delete /old /older --yes

On a terminal you are asked first; in a pipe or a script --yes is needed.

Exit codes: 0 all are gone, 1 refused, not there, or you said no, 2 --yes is missing,
3 no or stale credentials, 4 unreachable";

pub(super) const TOGGLE: &str = "\
Examples:
  agentctl server toggle /clock on
  agentctl server toggle /clock off --json

Exit codes: 0 done, 1 refused or not there, 3 no or stale credentials, 4 unreachable";

pub(super) const TOOLS: &str = "\
Examples:
  agentctl server tools /clock
  agentctl server tools /clock --json | jq '.tools[] | select(.name == \"now\") | .inputSchema'

Exit codes: 0 done (also when there is none), 1 refused or not there, 3 no or stale credentials,
4 unreachable";

pub(super) const CHECK: &str = "\
Examples:
  agentctl server check /clock
  agentctl server check /clock --json | jq -r .reason

The registry asks it for its tools, and keeps what it says.

Exit codes: 0 healthy, 1 not healthy, refused or not there, 3 no or stale credentials, 4 the gateway is
unreachable";

pub(super) const HISTORY: &str = "\
Examples:
  agentctl server history /clock
  agentctl server history /clock --limit 5 --json | jq '.changes[0]'

Exit codes: 0 done, 1 refused or not there, 3 no or stale credentials, 4 unreachable";

pub(super) const CALL: &str = "\
Examples:
  agentctl server call /clock now
  agentctl server call /clock now --arguments '{\"zone\": \"Asia/Tokyo\"}'
  agentctl server call /fetch get --arguments @question.json --timeout 300 --json
  agentctl server call /registry intelligent_tool_finder --arguments '{\"query\": \"what time is it?\"}'

The texts of the result are printed, one below the other; --json prints the whole result.

Exit codes: 0 done, 1 refused, or the tool says that it failed, 2 the arguments are no JSON object,
3 no or stale credentials, 4 nobody answers in time";
