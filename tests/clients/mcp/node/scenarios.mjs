// What is tried, with whichever package's client: each scenario is a connection of its own and one line of JSON.
// URL and words are arguments; TOKEN, ERA (old, new, auto) and TRANSPORT (http, sse) stand in the environment.
import { randomUUID } from "node:crypto";

export const [url, ...names] = process.argv.slice(2);
const PATIENCE = 30_000;

export function headers(token = process.env.TOKEN) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

// Where it knows no token, it finds out by itself where one is to be had (RFC 9728), and fetches it.
export function signingIn(Provider) {
  const { CLIENT_ID: clientId, CLIENT_SECRET: clientSecret, ISSUER: expectedIssuer } = process.env;
  return clientId && new Provider({ clientId, clientSecret, expectedIssuer });
}

// One request of the older protocol by hand, with this session's name.
async function raw(method, session, token) {
  const sent = {
    ...headers(token),
    Accept: "application/json, text/event-stream",
    "Content-Type": "application/json",
    "MCP-Protocol-Version": "2025-11-25",
    "Mcp-Session-Id": session,
  };
  const byHand = ["GET", "DELETE"].includes(method)
    ? { method, headers: sent }
    : { method: "POST", headers: sent, body: JSON.stringify({ jsonrpc: "2.0", id: "by-hand", method, params: {} }) };
  const answer = await fetch(url, { ...byHand, signal: AbortSignal.timeout(PATIENCE) });
  await answer.body?.cancel();
  return answer.status;
}

async function cancel(client, silent) {
  const key = randomUUID();
  const abort = new AbortController();
  const slow = client.call("slow", { key, silent }, { signal: abort.signal }).catch(() => "given up");
  await client.call("wait_for", { signal: `${key} began` });
  abort.abort("no longer wanted");
  await slow;
  // The server has noticed, or this never ends.
  return (await client.call("wait_for", { signal: `${key} cancelled` })).text.replace(`${key} `, "");
}

// Counted where messages arrive: the packages tell of progress later, and not at all once the answer is there.
async function steps(client, name, count) {
  const seen = [];
  const { onmessage } = client.transport;
  client.transport.onmessage = (message, ...more) => {
    if (message.method === "notifications/progress") seen.push(message.params.progress);
    onmessage(message, ...more);
  };
  const answer = await client.call(name, { count }, { onprogress: () => {} });
  return { seen, answer };
}

const scenarios = {
  connect: (client) => client.facts(),
  tools: async (client) => (await client.tools()).sort(),
  calls: async (client) => [
    await client.call("echo", { text: 'Zürich – 東京 \u2028 "quoted"\n' }),
    await client.call("add", { a: 2, b: 3 }),
    // An error of the tool is an answer like another.
    await client.call("add", { a: "two", b: 3 }),
  ],
  together: (client) =>
    Promise.all([...Array(8).keys()].map((number) => client.call("echo", { text: `call ${number}` }))),
  large: async (client) => [
    (await client.call("big", { size: 400_000 })).text.length,
    await client.call("length", { text: "y".repeat(1_000_000) }),
  ],
  streaming: async (client) => {
    const { seen, answer } = await steps(client, "stream", 300);
    return { in_order: seen.length === 300 && seen.every((step, place) => step === place + 1), answer };
  },
  // No event may be held back: the next one is sent when this one was seen here.
  paced: async (client) => {
    const key = randomUUID();
    const seen = [];
    const told = [];
    const onprogress = ({ progress }) => {
      seen.push(progress);
      told.push(client.call("saw", { signal: `${key} ${progress}` }));
    };
    const answer = await client.call("paced", { key, count: 5 }, { onprogress });
    await Promise.all(told);
    return { seen, answer };
  },
  // The server cuts the connection in the middle; the client comes back with Last-Event-ID by itself.
  interrupted: (client) => steps(client, "interrupted", 6),
  // The client is gone in the middle; another one with the same session and the last event's id reads on.
  resumed: async (client, open) => {
    let token;
    const key = randomUUID();
    const first = await new Promise((arrived) => {
      const options = { onprogress: () => arrived(call), onresumptiontoken: (id) => (token = id) };
      const call = [client.call("paced", { key, count: 2 }, options).catch(() => "cut off")];
    });
    const session = client.session();
    await client.leave();
    await first[0];
    const second = await open(session);
    // What is said while nobody listens.
    await second.call("saw", { signal: `${key} 1` });
    await second.call("saw", { signal: `${key} 2` });
    const answer = await second.call("paced", { key, count: 2 }, { resumptionToken: token });
    await second.leave();
    return answer;
  },
  // What the server says unasked, on the stream that GET opens. Nobody is told when that is open.
  announced: async (client) => {
    let heard = false;
    const { onmessage } = client.transport;
    client.transport.onmessage = (message, ...more) => {
      heard ||= message.method === "notifications/tools/list_changed";
      onmessage(message, ...more);
    };
    while (!heard) await client.call("announce", {});
    return heard;
  },
  cancelled: (client) => cancel(client, false),
  cancelled_before_any_header: (client) => cancel(client, true),
  ended: async (client) => {
    const session = client.session();
    await client.end();
    return session ? raw("tools/list", session) : null;
  },
  unknown_tool: (client) => client.call("no_such_tool", {}),
  secret: (client) => client.call("secret_tool", {}),
  headers: async (client) => JSON.parse((await client.call("whoami", {})).text),
  // An argument that stands in a header too, in both of its spellings.
  regional: async (client) => {
    await client.tools();
    const said = [];
    for (const region of ["eu-west", "Zürich", " edge "]) said.push(await client.call("regional", { region }));
    return said;
  },
  // Somebody else (OTHER_TOKEN) uses this session's name.
  stolen: async (client) => {
    const session = client.session();
    const stolen = [];
    for (const method of ["tools/list", "GET", "DELETE"]) {
      stolen.push(await raw(method, session, process.env.OTHER_TOKEN));
    }
    // It was not ended by that.
    return { stolen, owner: await client.call("echo", { text: "mine" }) };
  },
  // The tool and the arguments of CALL, as JSON: for servers with other tools than ours.
  call: (client) => client.call(...JSON.parse(process.env.CALL)),
};

// What the package makes of being turned away: where a token is to be had.
async function challenged({ extractWWWAuthenticateParams, discoverOAuthProtectedResourceMetadata }) {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
  const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  await answer.body?.cancel();
  const { resourceMetadataUrl } = extractWWWAuthenticateParams(answer);
  const { resource, authorization_servers } = await discoverOAuthProtectedResourceMetadata(url, { resourceMetadataUrl });
  return { status: answer.status, resource, issuers: authorization_servers };
}

function refusal(fault) {
  const text = fault.data?.text ?? fault.text;
  const { name, message, code } = fault;
  const status = fault.data?.status ?? fault.status;
  return { fault: name, code, status, message, data: fault.data?.text ? undefined : fault.data, text };
}

export function answered({ content, isError }) {
  return isError ? { error: content[0].text } : { text: content[0].text };
}

export async function play(open, oauth) {
  for (const name of names) {
    let client;
    let said;
    const late = setTimeout(() => {
      console.log(JSON.stringify({ scenario: name, refused: { fault: "TimeoutError" } }));
      process.exit(1);
    }, PATIENCE);
    try {
      if (name === "challenge") {
        said = { outcome: await challenged(oauth) };
      } else {
        client = await open();
        said = { outcome: await scenarios[name](client, open) };
      }
    } catch (fault) {
      said = { refused: refusal(fault) };
    }
    clearTimeout(late);
    await client?.end().catch(() => {});
    console.log(JSON.stringify({ scenario: name, ...said }));
  }
  // Not when the last socket falls asleep.
  process.exit(0);
}
