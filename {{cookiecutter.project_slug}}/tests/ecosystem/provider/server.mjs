// An OpenID Connect provider that is not ours, on loopback: node server.mjs PORT REDIRECT_URI VARIANT (JSON).
//
// With its defaults the groups come from UserInfo and not from the ID token (OpenID Connect Core 1.0, section 5.4). A variant
// can have `slash` (the issuer ends in one), `path`, `claim` (the groups' name) and `authentication`.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [port, redirect, given] = process.argv.slice(2);
const variant = { path: "", claim: "groups", authentication: "client_secret_basic", ...JSON.parse(given) };
const issuer = `http://127.0.0.1:${port}${variant.path}${variant.slash ? "/" : ""}`;
const accounts = { zoe: ["acme-members"], adam: ["acme-admins"], nobody: ["strangers"] };
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

const provider = new Provider(issuer, {
  clients: [{
    client_id: "chatbot",
    client_secret: process.env.CLIENT_SECRET,
    token_endpoint_auth_method: variant.authentication,
    grant_types: ["authorization_code"],
    response_types: ["code"],
    redirect_uris: [redirect],
  }],
  claims: { openid: ["sub"], profile: ["name", "preferred_username", variant.claim] },
  async findAccount(_, id) {
    if (!(id in accounts)) return undefined;
    return { accountId: id, claims: async () => ({ sub: id, name: `${id} example`, [variant.claim]: accounts[id] }) };
  },
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "one" }] },
  cookies: { keys: [randomBytes(32).toString("hex")] },
});
const handle = provider.callback();
createServer((request, response) => {
  if (variant.path) { // the provider takes the folder that it is in from originalUrl
    if (!request.url.startsWith(`${variant.path}/`)) return response.writeHead(404).end();
    request.originalUrl = request.url;
    request.url = request.url.slice(variant.path.length);
  }
  handle(request, response);
}).listen(Number(port), "127.0.0.1", () => console.log("ready"));
