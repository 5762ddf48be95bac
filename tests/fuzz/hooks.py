"""What schemathesis cannot know of the platform: accounts, callers' addresses, and secrets that open doors."""
import base64
import collections
import hmac
import itertools
import json
import os
import struct
import time

import jsonschema_rs
import requests
import schemathesis
from schemathesis.openapi.checks import JsonSchemaError

AUTH = os.environ["AUTH_URL"] + "/auth/v1"
HUB = os.environ["CREATOR_HUB_URL"] + "/creator-hub/v1"
AI = os.environ["AI_ENGINE_URL"] + "/ai-engine/v1"
CHANNELS = os.environ["CHANNEL_URL"] + "/channels/v1"
PASSWORD = "Lantern-7-Harbour"
ORIGIN = "https://fuzz.example.com"
PROFILE = {"display_name": "Ana", "bio": None, "website_url": None, "avatar_url": None, "timezone": "Europe/Madrid", "language": "en"}
# Requests of one account: fewer than may come at once, so that its limit is never what answers.
PER_ACCOUNT = 250
# What ends the session or the account that asks for it.
ENDING = {
    "POST /auth/v1/logout",
    "POST /auth/v1/logout-all",
    "POST /auth/v1/password/change",
    "DELETE /auth/v1/sessions/{id}",
}
# What tells secrets of the account without being asked with its token.
SIGNING_IN = {"POST /auth/v1/login", "POST /auth/v1/refresh"}
numbers = itertools.count(1)


def address():
    """Another caller for each request: limits count addresses, and the gateway, which we stand for, names them."""
    number = next(numbers)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Account:
    """A registered account with what it was told since."""

    def __init__(self, number):
        self.email = f"fuzz-{os.getpid()}-{number}@example.com"
        body = {"email": self.email, "password": PASSWORD, "full_name": "Ana Fuzz"}
        made = self.post(f"{AUTH}/register", body)
        self.token = made["tokens"]["access_token"]
        self.said = {"refresh_token": made["tokens"]["refresh_token"]}
        self.ids = {}
        self.furnished = set()
        self.left = PER_ACCOUNT

    def post(self, url, body=None, token=None, **more):
        headers = {"X-Forwarded-For": address(), **more.pop("headers", {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        answer = requests.post(url, json=body, headers=headers, timeout=60, **more)
        answer.raise_for_status()
        return answer.json() if kind_of(answer) == "application/json" else answer.text

    def furnish(self, path):
        """Makes one thing of each kind that the service of that path keeps, so that ids lead somewhere."""
        service = path.split("/")[1]
        if service in self.furnished:
            return
        self.furnished.add(service)
        if service == "auth":
            wanted = [
                ("invites", {"email": f"bea-{self.email}", "role": "viewer"}),
                ("api-keys", {"name": "Fuzz", "scopes": ["account:read"]}),
                ("privacy/exports", {"password": PASSWORD}),
                ("privacy/erasures", {"password": PASSWORD, "confirmation": "Ana Fuzz"}),
            ]
            for path, body in wanted:
                self.hear(f"/auth/v1/{path}", self.post(f"{AUTH}/{path}", body, self.token))
            accepted = {"token": self.said["token"], "password": PASSWORD, "full_name": "Bea Fuzz"}
            self.ids["/auth/v1/members"] = self.post(f"{AUTH}/invites/accept", accepted)["user"]["id"]
            again = {"email": f"eva-{self.email}", "role": "viewer"}
            self.hear("/auth/v1/invites", self.post(f"{AUTH}/invites", again, self.token))
        elif service == "creator-hub":
            file = {"file": ("guide.md", f"# Sleep\n\nGo to bed at ten. {self.email}")}
            made = self.post(f"{HUB}/documents", token=self.token, files=file)
            self.ids |= {"/creator-hub/v1/documents": made["document"]["id"], "/creator-hub/v1/jobs": made["job"]["id"]}
        elif service == "ai-engine":
            self.post(f"{AI}/answers", {"question": "Sleep?", "mode": "extractive"}, self.token)
        elif service == "channels":
            body = {"kind": "web_widget", "name": "Fuzz", "widget": {"allowed_origins": [ORIGIN]}}
            channel = self.post(f"{CHANNELS}/channels", body, self.token)["id"]
            session = self.post(f"{CHANNELS}/widget/{channel}/sessions", {}, headers={"Origin": ORIGIN})
            self.ids["/channels/v1/channels"] = channel
            self.said |= {"channel_id": channel, "session": session["token"], "visitor_token": session["visitor_token"]}

    def hear(self, path, answer):
        """Keeps what later requests need: tokens, secrets, and the id of the newest thing of each kind."""
        if not isinstance(answer, dict):
            return
        told = {**answer, **(answer.get("tokens") or {})}
        self.said |= {key: told[key] for key in ("refresh_token", "token", "secret", "challenge") if key in told}
        things = [answer, *answer.get("items", [])[:1], *answer.values()]
        found = [thing["id"] for thing in things if isinstance(thing, dict) and "id" in thing]
        if found and "{" not in path:
            self.ids[path] = found[0]

    def code(self):
        """What an authenticator app shows (RFC 6238)."""
        secret = base64.b32decode(self.said.get("secret", "A" * 32))
        digest = hmac.digest(secret, struct.pack(">Q", int(time.time()) // 30), "sha1")
        start = digest[-1] & 15
        number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"


class Accounts:
    """The account that is in use, and another one as soon as it is of no use any more."""

    def __init__(self):
        self.numbers = itertools.count(1)
        self.now = None

    def current(self):
        if self.now is None or self.now.left <= 0:
            self.now = Account(next(self.numbers))
        return self.now

    def retire(self):
        self.now = None


accounts = Accounts()


@schemathesis.auth(refresh_interval=None)
class Bearer:
    def get(self, case, context):
        account = accounts.current()
        account.left -= 1
        if "/widget/" in context.operation.path:
            account.furnish(context.operation.path)
            return account.said["session"]
        return account.token

    def set(self, case, data, context):
        if context.operation.definition.raw.get("security"):
            case.headers["Authorization"] = f"Bearer {data}"


def known(label, account):
    """Fields of a body that nobody can guess."""
    said = account.said
    return {
        "POST /auth/v1/register": lambda: {"email": f"new-{next(numbers)}-{account.email}", "password": PASSWORD},
        "POST /auth/v1/login": lambda: {"email": account.email, "password": PASSWORD},
        "POST /auth/v1/login/totp": lambda: {"challenge": said.get("challenge", ""), "code": account.code()},
        "POST /auth/v1/refresh": lambda: {"refresh_token": said["refresh_token"]},
        "POST /auth/v1/logout": lambda: {"refresh_token": said["refresh_token"]},
        "POST /auth/v1/password/change": lambda: {"current_password": PASSWORD, "new_password": PASSWORD[::-1]},
        "POST /auth/v1/privacy/erasures": lambda: {"password": PASSWORD, "confirmation": "Ana Fuzz"},
        "POST /auth/v1/invites/accept": lambda: {"token": said["token"], "password": PASSWORD},
        "POST /auth/v1/totp": lambda: {"password": PASSWORD},
        "POST /auth/v1/totp/confirm": lambda: {"code": account.code()},
        "POST /auth/v1/totp/disable": lambda: {"password": PASSWORD, "code": account.code()},
        "POST /auth/v1/totp/recovery-codes": lambda: {"password": PASSWORD, "code": account.code()},
        "POST /ai-engine/v1/answers": lambda: {"mode": "extractive"},
        "POST /creator-hub/v1/documents": lambda: {"file": f"# Guide {next(numbers)}\n\nGo to bed at ten.\n"},
        "PUT /creator-hub/v1/profile": lambda: PROFILE,
        "POST /channels/v1/channels": lambda: {"widget": {"allowed_origins": [ORIGIN]}},
        "POST /channels/v1/widget/{channel_id}/sessions": lambda: {"visitor_token": said["visitor_token"]},
    }.get(label, dict)()


turns = collections.defaultdict(itertools.count)


def cheap(value):
    """A long text of the same length that is one token a character at most: the small machine's model reads it in time."""
    if isinstance(value, str) and len(value) > 100:
        return "\N{GRINNING FACE}" * len(value)
    if isinstance(value, list):
        return [cheap(one) for one in value]
    if isinstance(value, dict):
        return {key: cheap(one) for key, one in value.items()}
    return value


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """A form says by the name of its file what the file is; OpenAPI has no better place to say so."""
    for path, operations in raw_schema["paths"].items():
        content = operations.get("post", {}).get("requestBody", {}).get("content", {})
        if "multipart/form-data" in content:
            name = {"example": 'form-data; name="file"; filename="guide.md"'}
            content["multipart/form-data"]["encoding"] = {"file": {"headers": {"Content-Disposition": name}}}


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers["X-Forwarded-For"] = address()
    if case.operation.path.endswith(("/search", "/answers")):
        case.body = cheap(case.body)
    mode = case.meta.generation.mode if case.meta else None
    # Every other valid request gets what opens the door; the rest stays as the tool made it.
    if mode is None or not mode.is_positive or next(turns[case.operation.label]) % 2:
        return
    account = accounts.current()
    path = case.operation.path
    account.furnish(path)
    if "/widget/" in path:
        case.path_parameters["channel_id"] = account.said["channel_id"]
        case.headers["Origin"] = ORIGIN
        if path.endswith("/socket"):
            case.query["token"] = account.said["session"]
    if case.operation.label == "PUT /creator-hub/v1/profile":
        case.headers["If-Match"] = "*"
    collection = path.partition("/{id}")[0]
    if collection in account.ids:
        case.path_parameters["id"] = account.ids[collection]
    if isinstance(case.body, dict):
        case.body = {**case.body, **known(case.operation.label, account)}


@schemathesis.hook
def after_call(context, case, response):
    account = accounts.now
    if account is None:
        return
    ours = response.request.headers.get("Authorization") == f"Bearer {account.token}"
    ended = case.operation.label in ENDING and response.status_code < 300
    if ours and (ended or response.status_code in (401, 429)):
        accounts.retire()
    elif ours and response.status_code < 300 and kind_of(response) == "application/json":
        account.hear(case.operation.path, response.json())
    elif case.operation.path == "/ai-engine/v1/answers":
        made = [event["data"]["generation_id"] for event in records(response) if event["event"] == "done"]
        account.ids |= {"/ai-engine/v1/generations": id for id in made}
    elif case.operation.label in SIGNING_IN and response.status_code < 300:
        account.hear(case.operation.path, response.json())


def kind_of(response):
    kind = response.headers.get("content-type", "")
    return (kind if isinstance(kind, str) else kind[0]).partition(";")[0]


def records(response):
    """The events of a stream, or the lines of a copy; nothing of other answers."""
    if kind_of(response) == "application/x-ndjson":
        return [json.loads(line) for line in response.text.splitlines()]
    if kind_of(response) != "text/event-stream":
        return []
    events = []
    for text in response.text.split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in text.splitlines() if not line.startswith(":"))
        if fields:
            events.append({"event": fields["event"], "data": json.loads(fields["data"])})
    return events


@schemathesis.check
def streamed_record_conformance(context, response, case):
    """Each event or line is what the document says of one: the tool itself knows neither form."""
    found = records(response)
    if not found:
        return
    raw = case.operation.schema.raw_schema
    operation = raw["paths"][case.operation.path][case.operation.method.lower()]
    schema = operation["responses"][str(response.status_code)]["content"][kind_of(response)]["schema"]
    validator = jsonschema_rs.validator_for({**schema, "components": raw["components"]})
    for record in found:
        # An event is described with its name, or by its data alone.
        candidates = [record, record.get("data")] if kind_of(response) == "text/event-stream" else [record]
        if not any(validator.is_valid(candidate) for candidate in candidates):
            raise AssertionError(f"not what the document says of a record: {json.dumps(record)[:500]}")


@schemathesis.hook
def filter_failure(context, failure, case, response):
    # The tool takes the data of an event for a string; ours are JSON, and checked above.
    return not (isinstance(failure, JsonSchemaError) and kind_of(response) == "text/event-stream")
