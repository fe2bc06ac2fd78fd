"""An agent of the OpenAI Agents SDK that signs in, keeps to its capabilities and its budget, and gets tokens
for an MCP server.

README.md beside this file says how to run it.
"""

import asyncio
import os

from agents import Agent, Runner, function_tool, set_default_openai_api, set_tracing_disabled
from lumoauth import LumoAuthAgent

from mcp_call import call_tool

# What lumoauth 1.0.0 calls the MCP server; from 1.1.0 on it is the server's https id.
MCP_SERVER = os.environ.get("MCP_SERVER_ID", "urn:mcp:financial-data")
# Where the MCP server listens, if there is one to be asked.
MCP_URL = os.environ.get("MCP_SERVER_URL")

identity = LumoAuthAgent()
if not identity.authenticate():
    raise SystemExit("sign-in was refused: see AGENT_CLIENT_ID and AGENT_CLIENT_SECRET")


@function_tool
def search_documents(query: str) -> str:
    """Search the company's documents.

    Args:
        query: What to look for.
    """
    if not identity.has_capability("read:documents"):
        return "Refused: this agent may not read documents (read:documents)."
    return f"3 documents speak of {query}"


@function_tool
async def financial_metric(metric: str) -> str:
    """Ask the secured MCP server for a financial metric.

    Args:
        metric: Its name, for example EBITDA.
    """
    if not identity.has_capability("mcp:financial"):
        return "Refused: this agent may not use the financial server (mcp:financial)."
    # The check above is a courtesy to the model; the issuer decides here, anew for every token.
    token = await asyncio.to_thread(identity.get_mcp_token, MCP_SERVER)
    if not token:
        return f"Refused: no token for {MCP_SERVER}."
    if not MCP_URL:
        return f"A token for {MCP_SERVER} was issued; MCP_SERVER_URL names no server to show it to."
    return await call_tool(MCP_URL, token, "financial_metric", {"metric": metric})


async def main():
    if identity.is_budget_exhausted():
        raise SystemExit("today's token budget is used up")
    if os.environ.get("OPENAI_BASE_URL"):
        # Whoever has a model elsewhere does not want what is said sent to OpenAI all the same.
        set_tracing_disabled(True)
    if os.environ.get("OPENAI_API") == "chat_completions":
        # For model servers that do not know the Responses API.
        set_default_openai_api("chat_completions")
    analyst = Agent(
        name="Research Analyst",
        instructions="You are a financial analyst. Rely on your tools, and say so when one refuses.",
        # Without a name, the SDK chooses. It reads OPENAI_BASE_URL and OPENAI_API_KEY by itself.
        model=os.environ.get("OPENAI_MODEL"),
        tools=[search_documents, financial_metric],
    )
    result = await Runner.run(analyst, "What do our documents say of Q3, and what was the EBITDA?")
    print(result.final_output)


if __name__ == "__main__":
    asyncio.run(main())
