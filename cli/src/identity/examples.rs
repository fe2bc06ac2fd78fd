//! What `--help` shows at the end, command by command.

/// `identity`.
pub(crate) const IDENTITY: &str = "\
Examples:
  export AGENTCTL_ADMIN_KEY_FILE=data/run.json       # or a file with the key alone
  agentctl identity create 'Research Analyst' --capability read:documents --tokens-per-day 100000
  agentctl identity grant research-analyst mcp:financial
  agentctl identity usage research-analyst

Who keeps the directory shows the organisation's key (--admin-key-file), or, without it, the token file's
token, whose scopes have to hold admin:agents:read or admin:agents:write. A key is never a flag: everybody
on the machine could read it there.

Exit codes: 0 done, 1 refused, 2 wrong use, 3 no key and no token, 4 nobody answers";

pub(super) const CREATE: &str = "\
Examples:
  agentctl identity create 'Research Analyst' --capability read:documents --capability mcp:financial
  agentctl identity create Reviewer --group registry-users-lob1 --tokens-per-day 100000
  agentctl identity create Reviewer --secret-out reviewer.secret
  agentctl identity create Reviewer --json | jq -r .data.clientId      # the secret goes to jq, and is gone

The client secret is the last line of what is printed and cannot be had again; 'identity rotate' makes
another. With --secret-out it goes to a file that is not there yet, for its owner alone.

Exit codes: 0 made, 1 refused (or the secret could not be written), 2 wrong use, 3 no key and no token,
4 nobody answers";

pub(super) const LIST: &str = "\
Examples:
  agentctl identity list
  agentctl identity list --status suspended
  agentctl identity list --all --json | jq -r '.data[].slug'

Exit codes: 0 done (also when there is none), 1 refused, 2 wrong use, 3 no key and no token,
4 nobody answers";

pub(super) const SHOW: &str = "\
Examples:
  agentctl identity show research-analyst
  agentctl identity show agt_4f… --json | jq .data.capabilities

Exit codes: 0 done, 1 refused or not there, 2 wrong use, 3 no key and no token, 4 nobody answers";

pub(super) const GRANT: &str = "\
Examples:
  agentctl identity grant research-analyst mcp:financial read:documents

What it has stays; what it has already is told, and is no fault.

Exit codes: 0 it has them, 1 refused or not there, 2 wrong use, 3 no key and no token, 4 nobody answers";

pub(super) const REVOKE: &str = "\
Examples:
  agentctl identity revoke research-analyst mcp:financial

What it does not have is told, and is no fault. Tokens that were given for an MCP server live on until
they expire, in minutes.

Exit codes: 0 it has none of them, 1 refused or not there, 2 wrong use, 3 no key and no token,
4 nobody answers";

pub(super) const BUDGET: &str = "\
Examples:
  agentctl identity budget research-analyst                     # shows it
  agentctl identity budget research-analyst --tokens-per-day 200000 --calls-per-hour none
  agentctl identity budget research-analyst --reset             # nothing was used today

A limit that is not named stays.

Exit codes: 0 done, 1 refused or not there, 2 wrong use, 3 no key and no token, 4 nobody answers";

pub(super) const ROTATE: &str = "\
Examples:
  agentctl identity rotate research-analyst                     # the old secret serves for a day more
  agentctl identity rotate research-analyst --overlap 0         # the old secret ends now
  agentctl identity rotate research-analyst --secret-out reviewer.secret

The secret is the last line of what is printed and cannot be had again. With --secret-out it replaces the
one in the file.

Exit codes: 0 made, 1 refused or not there (or the secret could not be written), 2 wrong use,
3 no key and no token, 4 nobody answers";

pub(super) const SUSPEND: &str = "\
Examples:
  agentctl identity suspend research-analyst

Exit codes: 0 it is suspended, 1 refused or not there, 2 wrong use, 3 no key and no token, 4 nobody answers";

pub(super) const ACTIVATE: &str = "\
Examples:
  agentctl identity activate research-analyst

Exit codes: 0 it is active, 1 refused or not there, 2 wrong use, 3 no key and no token, 4 nobody answers";

pub(super) const DELETE: &str = "\
Examples:
  agentctl identity delete research-analyst
  agentctl identity delete agt_4f… agt_70… --yes

On a terminal you are asked first; in a pipe or a script --yes is needed.

Exit codes: 0 all are gone, 1 refused, not there, or you said no, 2 --yes is missing,
3 no key and no token, 4 nobody answers";

pub(super) const USAGE: &str = "\
Examples:
  agentctl identity usage research-analyst
  agentctl identity usage research-analyst --json | jq '[.data.days[].costUsd] | add'

Exit codes: 0 done, 1 refused or not there, 2 wrong use, 3 no key and no token, 4 nobody answers";
