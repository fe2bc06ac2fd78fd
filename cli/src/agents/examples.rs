//! What `--help` shows at the end, command by command.

/// `agent`.
pub(crate) const AGENT: &str = "\
Examples:
  agentctl agent register card.json --enable
  agentctl agent list --enabled-only
  agentctl agent search 'review Python code for security holes'
  agentctl agent test /code-reviewer

Exit codes: 0 done, 1 refused or failed, 2 wrong use, 3 no or stale credentials, 4 unreachable";

pub(super) const REGISTER: &str = "\
Examples:
  agentctl agent register card.json
  agentctl agent register cards/*.json --enable
  jq '.path = \"/team/reviewer\"' card.json | agentctl agent register -

A card is checked here by the server's own rules before anything is sent, and all faults of all
cards are told at once. --unchecked leaves that to the server. Several cards: with --json every
answer is one line.

Exit codes: 0 all are registered, 1 the server refused one, 2 a file cannot be read or a card has
faults (nothing was sent), 3 no or stale credentials, 4 unreachable";

pub(super) const LIST: &str = "\
Examples:
  agentctl agent list
  agentctl agent list --enabled-only --tag security
  agentctl agent list --query review --visibility private
  agentctl agent list --all --json | jq -r '.agents[].path'

On a terminal the table fits its width; in a pipe nothing is cut.

Exit codes: 0 done (also when there is none), 1 refused, 3 no or stale credentials, 4 unreachable";

pub(super) const GET: &str = "\
Examples:
  agentctl agent get /code-reviewer
  agentctl agent get /code-reviewer --json > card.json

Exit codes: 0 done, 1 refused or not there, 3 no or stale credentials, 4 unreachable";

pub(super) const UPDATE: &str = "\
Examples:
  agentctl agent update /code-reviewer card.json
  echo '{\"version\": \"1.1.0\", \"license\": null}' | agentctl agent update /code-reviewer - --patch
  agentctl agent update /code-reviewer card.json --if-match '\"9f2c…\"'

The change applies to the state of now, or to the state of --if-match; when somebody else has
changed the card since, nothing is changed.

Exit codes: 0 changed, 1 refused, or somebody else has changed it, 2 the file cannot be read,
3 no or stale credentials, 4 unreachable";

pub(super) const DELETE: &str = "\
Examples:
  agentctl agent delete /code-reviewer
  agentctl agent delete /old /older --yes

On a terminal you are asked first; in a pipe or a script --yes is needed.

Exit codes: 0 all are gone, 1 refused, not there, or you said no, 2 --yes is missing,
3 no or stale credentials, 4 unreachable";

pub(super) const TOGGLE: &str = "\
Examples:
  agentctl agent toggle /code-reviewer on
  agentctl agent toggle /code-reviewer off --json

Exit codes: 0 done, 1 refused or not there, 3 no or stale credentials, 4 unreachable";

pub(super) const SEARCH: &str = "\
Examples:
  agentctl agent search 'put this manual into Japanese'
  agentctl agent search 'review Python code' --max 3 --json

Exit codes: 0 done (also when nothing is found), 1 refused, 3 no or stale credentials, 4 unreachable";

pub(super) const DISCOVER: &str = "\
Examples:
  agentctl agent discover --skill review-python
  agentctl agent discover --skill translate --skill summarize --tag legal --max 5

Exit codes: 0 done (also when nothing is found), 1 refused, 3 no or stale credentials, 4 unreachable";

pub(super) const TEST: &str = "\
Examples:
  agentctl agent test /code-reviewer
  agentctl agent test /code-reviewer --timeout 3 --json | jq '.checks[]'

The agent is asked without any credentials: for its own card, and for a task that does not exist.
Who then wants credentials (401, 403) has shown that he is there. Differences between the registered card
and its own are warnings.

Exit codes: 0 every check passed, 1 one failed, 3 no or stale credentials, 4 the agent (or the
gateway) is unreachable";

pub(super) const TEST_ALL: &str = "\
Examples:
  agentctl agent test-all
  agentctl agent test-all --jobs 16 --timeout 3
  agentctl agent test-all --allow-private        # agents of your own network, too
  agentctl agent test-all --json | jq -r '.agents[] | select(.passed | not) | .path'

Each agent is asked at its registered host and port alone.

Exit codes: 0 every agent passed, 1 one did not, 3 no or stale credentials, 4 the gateway is unreachable";
