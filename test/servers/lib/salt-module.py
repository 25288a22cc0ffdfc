"""Calls functions of one of Salt's own returner modules: the argument is JSON {module, options, calls: [[name, arguments], …]}, the answer JSON."""
import importlib
import json
import sys

request = json.loads(sys.argv[1])
module = importlib.import_module("salt.returners." + request["module"])
module.__opts__ = dict(request["options"], id="salt-master")
module.__salt__ = {}
module.__context__ = {}
print(json.dumps([getattr(module, name)(*arguments) for name, arguments in request["calls"]]))
