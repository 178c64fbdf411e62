# What of Moshi is installed in this Python, as one line of JSON. Imports none of it.
import json, os, re, sys

# The folder that this was started in holds nothing that is installed.
sys.path = [folder for folder in sys.path if folder]
from importlib import metadata, util


def version(*names):
    for name in names:
        try:
            return metadata.version(name)
        except Exception:
            pass
    return None


def folder(package):
    try:
        return next(iter(util.find_spec(package).submodule_search_locations), None)
    except Exception:
        return None


def text(*path):
    try:
        with open(os.path.join(*path), encoding="utf-8", errors="replace") as file:
            return file.read(65536)
    except Exception:
        return ""


def torch():
    found = folder("torch")
    if not found:
        return None
    own = text(found, "version.py")
    cuda = re.search(r"^cuda\b[^=]*=\s*['\"]([^'\"]+)['\"]", own, re.M)
    named = re.search(r"^__version__\s*=\s*['\"]([^'\"]+)['\"]", own, re.M)
    return {
        "version": named.group(1) if named else version("torch") or "?",
        "cuda": cuda.group(1) if cuda else None,
    }


def moshi():
    found = folder("moshi")
    if not found:
        return None
    return {
        "nvidia": "voice_prompt" in text(found, "server.py"),
        "version": version("moshi", "moshi-personaplex"),
    }


print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3],
    "torch": torch(),
    "triton": version("triton", "pytorch-triton", "triton-windows"),
    "moshi": moshi(),
    "bitsandbytes": version("bitsandbytes"),
}))
