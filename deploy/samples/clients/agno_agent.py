"""An Agno agent that signs in, keeps to its capabilities and its budget, and gets tokens for an MCP server.

README.md beside this file says how to run it.
"""

import os

import anyio
from agno.agent import Agent
from agno.models.openai import OpenAIChat
from agno.tools import tool
from lumoauth import LumoAuthAgent

from mcp_call import call_tool

# What lumoauth 1.0.0 calls the MCP server; from 1.1.0 on it is the server's https id.
MCP_SERVER = os.environ.get("MCP_SERVER_ID", "urn:mcp:financial-data")
# Where the MCP server listens, if there is one to be asked.
MCP_URL = os.environ.get("MCP_SERVER_URL")

identity = LumoAuthAgent()
if not identity.authenticate():
    raise SystemExit("sign-in was refused: see AGENT_CLIENT_ID and AGENT_CLIENT_SECRET")


@tool
def search_documents(query: str) -> str:
    """Search the company's documents.

    Args:
        query: What to look for.
    """
    if not identity.has_capability("read:documents"):
        return "Refused: this agent may not read documents (read:documents)."
    return f"3 documents speak of {query}"


@tool
def financial_metric(metric: str) -> str:
    """Ask the secured MCP server for a financial metric.

    Args:
        metric: Its name, for example EBITDA.
    """
    if not identity.has_capability("mcp:financial"):
        return "Refused: this agent may not use the financial server (mcp:financial)."
    # The check above is a courtesy to the model; the issuer decides here, anew for every token.
    token = identity.get_mcp_token(MCP_SERVER)
    if not token:
        return f"Refused: no token for {MCP_SERVER}."
    if not MCP_URL:
        return f"A token for {MCP_SERVER} was issued; MCP_SERVER_URL names no server to show it to."
    return anyio.run(call_tool, MCP_URL, token, "financial_metric", {"metric": metric})


if identity.is_budget_exhausted():
    raise SystemExit("today's token budget is used up")

# The openai package reads OPENAI_BASE_URL and OPENAI_API_KEY by itself.
analyst = Agent(
    name="Research Analyst",
    model=OpenAIChat(id=os.environ.get("OPENAI_MODEL", "gpt-4.1-mini")),
    tools=[search_documents, financial_metric],
    instructions=["You are a financial analyst.", "Rely on your tools, and say so when one refuses."],
    markdown=True,
    telemetry=False,
)
analyst.print_response("What do our documents say of Q3, and what was the EBITDA?")
