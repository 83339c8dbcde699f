"""Has independent clients of Jenkins do what Wharf does, against the stub: what it answers is not for Wharf alone.

Usage: oracle.py URL USER PASSWORD TOKEN. Says one line for each client that got through all of it.
"""

import sys
import time

URL, USER, PASSWORD, TOKEN = sys.argv[1:]
CONFIG = """<?xml version='1.1' encoding='UTF-8'?>
<project><properties><hudson.model.ParametersDefinitionProperty><parameterDefinitions>
<hudson.model.StringParameterDefinition><name>WHO</name><defaultValue>world</defaultValue>
</hudson.model.StringParameterDefinition>
</parameterDefinitions></hudson.model.ParametersDefinitionProperty></properties><builders/></project>"""
LINES = ["Started by user " + USER] + [f"line {n} you" for n in range(1, 5)] + ["Finished: SUCCESS"]


def until(what, ask, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ask()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"not in time: {what}")


def same(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


def python_jenkins():
    """By password: it fetches the crumb, and keeps the session that the crumb is of."""
    import jenkins

    server = jenkins.Jenkins(URL, username=USER, password=PASSWORD)
    same(server.get_whoami()["id"], USER)
    assert server.get_version().startswith("2.")
    server.create_folder("oracle")
    server.create_job("oracle/one", CONFIG)
    assert server.job_exists("oracle/one") and not server.job_exists("oracle/two")
    same([job["fullname"] for job in server.get_all_jobs()], ["oracle", "oracle/one"])
    queued = server.build_job("oracle/one", {"WHO": "you"})
    item = until("the item leaves the queue", lambda: server.get_queue_item(queued).get("executable"))
    number = item["number"]
    same(number, 1)
    assert server.get_build_info("oracle/one", number)["building"]
    # A second one waits, the same again is the same, another is taken out.
    second = server.build_job("oracle/one", {"WHO": "me"})
    same(server.build_job("oracle/one", {"WHO": "me"}), second)
    assert "in progress" in server.get_queue_item(second)["why"]
    same([one["id"] for one in server.get_queue_info()], [second])
    server.cancel_queue(second)
    assert server.get_queue_item(second)["cancelled"]
    until("the build ends", lambda: not server.get_build_info("oracle/one", number)["building"])
    info = server.get_build_info("oracle/one", number)
    same((info["result"], info["queueId"]), ("SUCCESS", queued))
    same(server.get_build_console_output("oracle/one", number).splitlines(), LINES)
    third = server.build_job("oracle/one", {"WHO": "me"})
    number = until("it begins", lambda: server.get_queue_item(third).get("executable"))["number"]
    server.stop_build("oracle/one", number)
    until("it is stopped", lambda: server.get_build_info("oracle/one", number)["result"] == "ABORTED")
    # A wrong password is refused.
    try:
        jenkins.Jenkins(URL, username=USER, password="wrong").get_whoami()
        raise AssertionError("a wrong password is let in")
    except jenkins.JenkinsException as error:
        assert "401" in str(error), error
    server.delete_job("oracle/one")
    assert not server.job_exists("oracle/one")


def api4jenkins():
    """By token: the console is read while it grows."""
    from api4jenkins import Jenkins

    server = Jenkins(URL, auth=(USER, TOKEN))
    assert server.version.startswith("2.")
    server.create_job("oracle/two", CONFIG)
    job = server.get_job("oracle/two")
    same(job.full_name, "oracle/two")
    same([one["name"] for one in job.get_parameters()], ["WHO"])
    item = server.build_job("oracle/two", WHO="you")
    build = until("the item is a build", item.get_build)
    assert build.building
    same([line.decode() if isinstance(line, bytes) else line for line in build.progressive_output()], LINES)
    until("the build ends", lambda: not build.building)
    same((build.result, build.queue_id), ("SUCCESS", item.id))
    same([one.number for one in job], [1])
    other = until("it begins", server.build_job("oracle/two", WHO="me").get_build)
    other.stop()
    until("it is stopped", lambda: other.result == "ABORTED")


for client in (python_jenkins, api4jenkins):
    client()
    print(client.__name__, flush=True)
