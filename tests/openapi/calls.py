"""Imports every module of the generated Python clients and calls running services through them; a line for each check.
usage: calls   with the folder of the packages on PYTHONPATH, and AUTH_URL, CREATOR_HUB_URL, AI_ENGINE_URL and CHANNEL_URL"""
import importlib
import os
import pkgutil
import uuid

PACKAGES = {"auth": "AUTH_URL", "creator_hub": "CREATOR_HUB_URL", "ai_engine": "AI_ENGINE_URL", "channel": "CHANNEL_URL"}


def check(name, holds):
    if not holds:
        raise SystemExit(f"not ok Python client: {name}")
    print(f"ok Python client: {name}")


def import_all(name):
    package = importlib.import_module(name)
    return [importlib.import_module(module.name) for module in pkgutil.walk_packages(package.__path__, f"{name}.")]


def call(operation, token=None, **arguments):
    """Sends one request with the client of the package that the operation belongs to."""
    package, _, tag, name = operation.split(".")
    client = importlib.import_module(package)
    address = os.environ[PACKAGES[package]]
    with client.AuthenticatedClient(address, token) if token else client.Client(address) as caller:
        function = importlib.import_module(f"{package}.api.{tag}.{name}").sync_detailed
        return function(client=caller, **arguments)


for package in PACKAGES:
    count = len(import_all(package))
    check(f"{package} imports, {count} modules", count > 20)

from ai_engine.models import Models
from auth.models import Credentials, NewAccount, Problem, SignedIn
from channel.models import ChannelKind, NewChannel, WidgetSettings
from creator_hub.models import PageDocument

email, password = f"python-{uuid.uuid4()}@example.com", "Lantern-7-Harbour"
made = call("auth.api.sign_in.register", body=NewAccount(email=email, password=password, full_name="Ana Client")).parsed
check("auth registers an account", isinstance(made, SignedIn) and made.user.email == email)
token = made.tokens.access_token

refused = call("auth.api.sign_in.login", body=Credentials(email=email, password="Wrong-7-Harbour")).parsed
check("auth answers a typed problem document", isinstance(refused, Problem) and refused.code == "invalid_credentials")

documents = call("creator_hub.api.documents.list_documents", token, limit=5).parsed
check("creator-hub lists documents", isinstance(documents, PageDocument) and documents.items == [])

check("ai-engine lists models", isinstance(call("ai_engine.api.models.list_models", token).parsed, Models))

widget = WidgetSettings(allowed_origins=["https://www.example.com"])
channel = call("channel.api.channels.create_channel", token, body=NewChannel(kind=ChannelKind.WEB_WIDGET, name="Client", widget=widget)).parsed
read = call("channel.api.channels.read_channel", token, id=channel.id).parsed
check("channel creates a channel and reads it by its id", read.widget.allowed_origins == widget.allowed_origins)
