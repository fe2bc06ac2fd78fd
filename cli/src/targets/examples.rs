//! What `--help` shows at the end, command by command.

/// `mcp-target`.
pub(crate) const TARGET: &str = "\
Examples:
  export AGENTCTL_ADMIN_KEY_FILE=data/run.json       # or a file with the key alone
  agentctl mcp-target create 'Financial data' --resource-uri https://mcp.example.com/financial-data \\
      --alias urn:mcp:financial-data --capability mcp:financial --scope mcp:financial
  agentctl mcp-target list

An agent gets a token for one of these servers in exchange for its own, if it holds the capability. Who
keeps the directory shows the organisation's key, or a token with admin:agents:read or admin:agents:write:
see 'agentctl identity --help'.

Exit codes: 0 done, 1 refused, 2 wrong use, 3 no key and no token, 4 nobody answers";

pub(super) const CREATE: &str = "\
Examples:
  agentctl mcp-target create Documents --resource-uri https://mcp.example.com/documents
  agentctl mcp-target create Documents --resource-uri https://mcp.example.com/documents \\
      --alias urn:mcp:documents --capability read:documents --scope read:documents --lifetime 120
  agentctl mcp-target create Documents --resource-uri https://mcp.example.com/documents --secret-out mcp.secret

The introspection secret, with which the MCP server can ask about tokens, is the last line of what is
printed and cannot be had again; 'mcp-target rotate' makes another. With --secret-out it goes to a file
that is not there yet, for its owner alone.

Exit codes: 0 made, 1 refused (or the secret could not be written), 2 wrong use, 3 no key and no token,
4 nobody answers";

pub(super) const LIST: &str = "\
Examples:
  agentctl mcp-target list
  agentctl mcp-target list --all --json | jq -r '.data[].resourceUri'

Exit codes: 0 done (also when there is none), 1 refused, 2 wrong use, 3 no key and no token,
4 nobody answers";

pub(super) const SHOW: &str = "\
Examples:
  agentctl mcp-target show financial-data

Exit codes: 0 done, 1 refused or not there, 2 wrong use, 3 no key and no token, 4 nobody answers";

pub(super) const UPDATE: &str = "\
Examples:
  agentctl mcp-target update documents --capability none
  agentctl mcp-target update documents --alias urn:mcp:documents --alias urn:mcp:papers
  agentctl mcp-target update documents --no-aliases --lifetime 60

What is not named stays. The aliases (and scopes) that are given are all it has afterwards.

Exit codes: 0 changed, 1 refused or not there, 2 wrong use, 3 no key and no token, 4 nobody answers";

pub(super) const DELETE: &str = "\
Examples:
  agentctl mcp-target delete documents
  agentctl mcp-target delete documents financial-data --yes

On a terminal you are asked first; in a pipe or a script --yes is needed.

Exit codes: 0 all are gone, 1 refused, not there, or you said no, 2 --yes is missing,
3 no key and no token, 4 nobody answers";

pub(super) const ROTATE: &str = "\
Examples:
  agentctl mcp-target rotate documents
  agentctl mcp-target rotate documents --secret-out mcp.secret

The old secret ends at once. The new one is the last line of what is printed and cannot be had again. With
--secret-out it replaces the one in the file.

Exit codes: 0 made, 1 refused or not there (or the secret could not be written), 2 wrong use,
3 no key and no token, 4 nobody answers";
