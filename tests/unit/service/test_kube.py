"""Kubernetes 的纯函数：Pod 与工作负载的死活、盖章、时间戳。"""

from types import SimpleNamespace

import pytest

from rayeval.service.kube import pods, workload
from rayeval.service.kube.api import Api
from rayeval.service.kube.logs import split
from rayeval.service.kube.stamp import Stamp, label


def pod(*statuses, phase="Running", **status):
    entries = [{"name": "c", "restartCount": 0, **entry} for entry in statuses]
    return {
        "metadata": {"name": "p", "uid": "u"},
        "status": {"phase": phase, "containerStatuses": entries, **status},
    }


def waiting(reason, **more):
    return {"state": {"waiting": {"reason": reason, "message": "m"}}, **more}


DIED = {"terminated": {"exitCode": 1, "reason": "Error"}}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (pod(waiting("ContainerCreating")), None),
        (pod(waiting("ErrImagePull")), None),
        (pod(waiting("ImagePullBackOff")), "ImagePullBackOff: m"),
        (pod(waiting("CrashLoopBackOff", lastState=DIED)), "CrashLoopBackOff: m; it exited"),
        (pod(waiting("CreateContainerConfigError")), "CreateContainerConfigError"),
        (pod(phase="Failed", reason="Evicted", message="low on disk"), "Evicted; low on disk"),
        ({}, None),
        ({"status": {"containerStatuses": [None, {}], "conditions": None}}, None),
    ],
)
def test_doom(found, words):
    told = pods.doom(found)
    assert told is None if words is None else words in told


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (pod({"restartCount": 1, "state": {"running": {}}}), None),
        (pod({"restartCount": 2, "lastState": DIED}), "container c exited with code 1"),
        (pod({"restartCount": 2}), "was restarted"),
        (pod({"state": {"terminated": {"exitCode": 0}}}), None),
        (
            pod({"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}),
            "exited with code 137 (OOMKilled)",
        ),
    ],
)
def test_loss(found, words):
    told = pods.loss(found, {"c": 1})
    assert told is None if words is None else words in told


def work(kind, spec=None, generation=1, **status):
    return {
        "kind": kind,
        "metadata": {"name": "w", "generation": generation},
        "spec": spec or {},
        "status": {"observedGeneration": 1, **status},
    }


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (work("Deployment", {"replicas": 2}, readyReplicas=2, updatedReplicas=2), None),
        (work("Deployment", {"replicas": 2}, readyReplicas=2, updatedReplicas=1), "1 of 2 ready"),
        (work("Deployment", generation=2, readyReplicas=1, updatedReplicas=1), "not seen it"),
        (work("Deployment", {"replicas": 0}), None),
        (work("StatefulSet", {"replicas": 3}, readyReplicas=1), "1 of 3 ready"),
        (work("StatefulSet", {"replicas": 1}, readyReplicas=1), None),
        (work("DaemonSet", desiredNumberScheduled=2, numberReady=1), "0 of 2 ready"),
        (work("Job", {"completions": 2}, succeeded=1), "1 of 2 completed"),
        (work("Job", succeeded=1), None),
        (work("Engine", conditions=[{"type": "Ready", "status": "False"}]), "Ready is not True"),
        (work("Engine", conditions=[{"type": "Ready", "status": "True"}]), None),
        (work("ConfigMap"), None),
        ({"kind": "Deployment", "metadata": None, "status": None}, "0 of 1 ready"),
    ],
)
def test_unfinished(found, missing):
    told = workload.unfinished(found)
    assert told is None if missing is None else missing in told


def test_failed():
    quota = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: q"}
    passing = {**quota, "message": "internal error, will retry"}
    backoff = {"type": "Failed", "status": "True", "message": "BackoffLimitExceeded"}
    assert workload.failed(work("Deployment", conditions=[quota])) == "exceeded quota: q"
    assert workload.failed(work("Deployment", conditions=[passing])) is None
    assert workload.failed(work("Job", conditions=[backoff])) == "BackoffLimitExceeded"


def test_the_stamp_is_on_the_object_and_every_pod_template():
    nested = {"leader": {"spec": {"containers": []}}, "claims": [{"spec": {"storage": 1}}]}
    source = {"kind": "X", "metadata": {"name": "x", "labels": {"a": "b"}}, "spec": nested}
    made = Stamp("run", "s", "me").on(source)
    wanted = {"rayeval.io/run-id": "run", "rayeval.io/scenario": "s"}
    assert made["metadata"]["labels"] == {"a": "b", **wanted}
    assert made["spec"]["leader"]["metadata"]["labels"] == wanted
    assert "metadata" not in made["spec"]["claims"][0]
    assert source["metadata"] == {"name": "x", "labels": {"a": "b"}}


@pytest.mark.parametrize("text", ["ok-1", "x" * 200, "a b", "-a-", "模型", "", "a/b"])
def test_labels_are_legal_and_tell_different_texts_apart(text):
    import re

    made = label(text)
    assert re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?", made)
    assert made == text or made != label(text + "!")


def test_log_stamps_in_any_zone_and_precision_are_the_same_moment():
    utc, rest = split(b"2026-01-02T03:04:05.120000000Z caf\xff e")
    zoned, _ = split(b"2026-01-02T11:04:05.12+08:00 x")
    assert utc == zoned
    assert rest == b"caf\xff e"
    assert split(b"no stamp") == (None, b"no stamp")


def test_a_password_in_the_address_is_not_shown():
    api = Api.__new__(Api)
    configuration = SimpleNamespace(host="https://me:s3cret@10.0.0.1:6443")
    api._client = SimpleNamespace(configuration=configuration)
    told = api._unreachable(OSError("GET https://me:s3cret@10.0.0.1:6443/api timed out"))
    assert "s3cret" not in told
    assert told.count("https://10.0.0.1:6443") == 2
