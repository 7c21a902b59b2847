"""一个 Kubernetes API 的仿品：真的 HTTP，真的客户端连得上；Pod 由本机的进程扮演。

会的：发现、CRD、server-side apply 与冲突、list、watch（410、书签）、前台删除与 finalizer、
日志（跟随、上一次、时间戳）、Deployment、StatefulSet、Job、Service 的 NodePort、配额、权限、重启。
列表当作整体合并。
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from tests.kube.kubelet import GRACE_S, Instance, Relay, probe, start
from tests.kube.store import Key, Object, Refusal, Store, now, selected

KINDS: dict[str, dict[str, tuple[str, bool]]] = {
    "v1": {
        "Pod": ("pods", True),
        "Service": ("services", True),
        "ConfigMap": ("configmaps", True),
        "Secret": ("secrets", True),
        "Event": ("events", True),
        "Node": ("nodes", False),
        "Namespace": ("namespaces", False),
    },
    "apps/v1": {"Deployment": ("deployments", True), "StatefulSet": ("statefulsets", True)},
    "batch/v1": {"Job": ("jobs", True)},
    "apiextensions.k8s.io/v1": {"CustomResourceDefinition": ("customresourcedefinitions", False)},
}
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]
PATH = re.compile(
    r"^/(?:api/(?P<core>v1)|apis/(?P<group>[^/]+/[^/]+))"
    r"(?:/namespaces/(?P<ns>[^/]+)(?=/))?/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>log))?$"
)
TICK_S = 0.03


class Cluster:
    """`with Cluster(folder) as cluster:`；跑在自己的线程里，状态只在那个线程里改。"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store()
        self.kinds = {version: dict(table) for version, table in KINDS.items()}
        self.faults: list[Callable[[web.Request], Refusal | None]] = []
        self.calls: list[tuple[str, str]] = []
        self.quota: str | None = None
        self.instances: dict[tuple[str, str, int], Instance] = {}
        self.relays: dict[str, Relay] = {}
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Cluster:
        self._thread.start()
        self.do(self._open())
        self.seed("v1", "Node", "node-0", status=_node("127.0.0.1"))
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def kubeconfig(self) -> Path:
        path = self.folder / "kubeconfig"
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "fake",
            "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
            "clusters": [{"name": "fake", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
            "users": [{"name": "fake", "user": {"token": "s3cret-token"}}],
        }
        path.write_text(yaml.safe_dump(body), encoding="utf-8")
        return path

    def do(self, work: Any) -> Any:
        """在集群的线程里做一件事。"""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def seed(self, version: str, kind: str, name: str, namespace: str = "", **body: Any) -> Object:
        """别人放进来的一个对象。"""

        async def put() -> Object:
            plural = self.kinds[version][kind][0]
            key = (version, plural, namespace, name)
            value = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **body}
            return self.store.put(key, value)

        return self.do(put())

    def objects(self, *plurals: str) -> list[str]:
        """还在的对象；不算节点与事件。"""
        skipped = {"nodes", "events"}
        return sorted(
            f"{key[1]}/{key[3]}"
            for key in list(self.store.objects)
            if key[1] not in skipped and (not plurals or key[1] in plurals)
        )

    def refuse(self, method: str, path: str, refusal: Refusal, times: int = 10**9) -> None:
        """接下来 `times` 次这样的请求都拒绝。"""
        left = [times]

        def fault(request: web.Request) -> Refusal | None:
            if request.method == method and re.search(path, request.path) and left[0] > 0:
                left[0] -= 1
                return refusal
            return None

        self.faults.append(fault)

    def expire(self) -> None:
        """历史压掉：正在看的都得到 410。"""

        async def compact() -> None:
            self.store.version += 1
            self.store.floor = self.store.version

        self.do(compact())

    def restart(self, down_s: float) -> None:
        """API 停一会儿再回来；Pod 照跑。"""

        async def bounce() -> None:
            assert self._runner is not None
            await self._runner.cleanup()
            await asyncio.sleep(down_s)
            await self._listen()

        self.do(bounce())

    def processes(self) -> list[int]:
        return [i.process.pid for i in self.instances.values() if i.process.poll() is None]

    # ---- HTTP

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _open(self) -> None:
        await self._listen()
        self._ticking = asyncio.create_task(self._tick())

    async def _listen(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._ticking.cancel()
        for instance in self.instances.values():
            instance.kill(signal.SIGKILL)
        for relay in self.relays.values():
            relay.close()
        assert self._runner is not None
        await self._runner.cleanup()
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.calls.append((request.method, request.path))
        try:
            for fault in self.faults:
                if (refusal := fault(request)) is not None:
                    raise refusal
            found = self._discovery(request.path)
            if found is not None:
                return web.json_response(found)
            return await self._resource(request)
        except ConnectionResetError:
            return web.Response()  # 对面走了
        except Refusal as refusal:
            return web.json_response(refusal.body, status=refusal.status)

    def _discovery(self, path: str) -> Object | None:
        if path == "/version":
            return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
        if path == "/apis":
            groups = [version for version in self.kinds if "/" in version]
            return {
                "kind": "APIGroupList",
                "groups": [
                    {
                        "name": version.split("/")[0],
                        "versions": [_version(version)],
                        "preferredVersion": _version(version),
                    }
                    for version in groups
                ],
            }
        version = path.removeprefix("/apis/").removeprefix("/api/")
        if version not in self.kinds:
            return None
        return {
            "kind": "APIResourceList",
            "groupVersion": version,
            "resources": [
                {"name": plural, "kind": kind, "namespaced": namespaced, "verbs": VERBS}
                for kind, (plural, namespaced) in self.kinds[version].items()
            ],
        }

    async def _resource(self, request: web.Request) -> web.StreamResponse:
        match = PATH.match(request.path)
        version = (match["core"] or match["group"]) if match else ""
        table = {plural: kind for kind, (plural, _) in self.kinds.get(version, {}).items()}
        if match is None or match["plural"] not in table:
            raise Refusal(404, "NotFound", "the server could not find the requested resource")
        plural, name, ns = match["plural"], match["name"], match["ns"] or ""
        key: Key = (version, plural, ns, name or "")
        if match["sub"] == "log":
            return await self._log(request, key)
        if request.method == "GET" and name is None:
            if request.query.get("watch") == "true":
                return await self._watch(request, key)
            return web.json_response(self._list(key, request.query.get("labelSelector")))
        if request.method == "GET":
            return web.json_response(self._find(key))
        if request.method == "PATCH":
            body = json.loads(await request.text())
            assert request.content_type == "application/apply-patch+yaml"
            self._admit(key)
            query = request.query
            manager, force = query["fieldManager"], query["force"] == "true"
            return web.json_response(self._applied(key, body, manager, force=force))
        if request.method == "DELETE":
            options = json.loads(await request.text() or "{}")
            return web.json_response(self._delete(key, options))
        raise Refusal(405, "MethodNotAllowed", request.method)

    def _admit(self, key: Key) -> None:
        if self.quota is not None and key[1] == "pods":
            raise Refusal(403, "Forbidden", f'pods "{key[3]}" is forbidden: {self.quota}')

    def _applied(self, key: Key, body: Object, manager: str, *, force: bool) -> Object:
        value = self.store.apply(key, body, manager, force=force)
        if key[1] == "customresourcedefinitions":
            spec = body["spec"]
            group = f"{spec['group']}/{spec['versions'][0]['name']}"
            names = spec["names"]
            table = self.kinds.setdefault(group, {})
            table[names["kind"]] = (names["plural"], spec["scope"] == "Namespaced")
        return value

    def _find(self, key: Key) -> Object:
        if key not in self.store.objects:
            raise Refusal(404, "NotFound", f'{key[1]} "{key[3]}" not found')
        return self.store.objects[key]

    def _list(self, key: Key, selector: str | None) -> Object:
        items = [
            value
            for (version, plural, ns, _), value in self.store.objects.items()
            if (version, plural) == key[:2] and key[2] in {"", ns} and selected(value, selector)
        ]
        return {"metadata": {"resourceVersion": str(self.store.version)}, "items": items}

    def _delete(self, key: Key, options: Object) -> Object:
        value = self._find(key)
        meta = value["metadata"]
        wanted = options.get("preconditions", {}).get("uid")
        if wanted not in {None, meta["uid"]}:
            raise Refusal(409, "Conflict", "the UID in the precondition does not match")
        meta = {**meta, "deletionTimestamp": meta.get("deletionTimestamp") or now()}
        if options.get("propagationPolicy") == "Foreground" and key[1] != "pods":
            finalizers = set(meta.get("finalizers", []))
            meta["finalizers"] = sorted(finalizers | {"foregroundDeletion"})
        return self.store.put(key, {**value, "metadata": meta})

    async def _watch(self, request: web.Request, key: Key) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        version = int(request.query.get("resourceVersion") or 0)
        selector = request.query.get("labelSelector")
        deadline = time.monotonic() + float(request.query.get("timeoutSeconds") or 300)
        position = 0
        while time.monotonic() < deadline:
            if version < self.store.floor:
                gone = Refusal(410, "Expired", "too old resource version").body
                await response.write(_line("ERROR", gone))
                break
            for change in self.store.history[position:]:
                position += 1
                match = change.key[:2] == key[:2] and change.key[2] == key[2]
                if change.version > version and match and selected(change.value, selector):
                    version = change.version
                    await response.write(_line(change.kind, change.value))
            await asyncio.sleep(TICK_S)
        return response

    async def _log(self, request: web.Request, key: Key) -> web.StreamResponse:
        pod, query = self._find((*key[:1], "pods", *key[2:])), request.query
        container = query["container"]
        uid = pod["metadata"]["uid"]
        numbers = sorted(n for u, c, n in self.instances if (u, c) == (uid, container))
        waiting = any(
            entry["name"] == container and "waiting" in entry["state"]
            for entry in pod.get("status", {}).get("containerStatuses", [])
        )
        back = query.get("previous") == "true" and not waiting
        if len(numbers) <= back:
            raise Refusal(400, "BadRequest", f'container "{container}" has no log')
        instance = self.instances[uid, container, numbers[-1 - back]]
        since = query.get("sinceTime")
        floor = datetime.fromisoformat(since).timestamp() * 1e9 if since else 0
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        position = 0
        while True:
            over = instance.over
            for at, line in instance.lines[position:]:
                position += 1
                if at >= floor:
                    await response.write(_stamp(at) + b" " + line + b"\n")
            if over or query.get("follow") != "true":
                return response
            await asyncio.sleep(TICK_S)

    # ---- 控制器与节点

    async def _tick(self) -> None:
        while True:
            for key in list(self.store.objects):
                value = self.store.objects.get(key)
                if value is not None:
                    try:
                        await self._reconcile(key, value)
                    except Exception:  # 仿品自己的错：说出来，别让测试干等
                        traceback.print_exc()
            await asyncio.sleep(TICK_S)

    async def _reconcile(self, key: Key, value: Object) -> None:
        deleting = value["metadata"].get("deletionTimestamp")
        if key[1] == "pods":
            await self._pod(key, value, deleting=bool(deleting))
        elif deleting:
            self._finish_delete(key, value)
        elif key[1] in {"deployments", "statefulsets", "jobs"}:
            self._workload(key, value)
        elif key[1] == "services" and key[3] not in self.relays:
            await self._service(key, value)

    def _finish_delete(self, key: Key, value: Object) -> None:
        uid = value["metadata"]["uid"]
        children = [
            (k, v)
            for k, v in self.store.objects.items()
            if any(o["uid"] == uid for o in v["metadata"].get("ownerReferences", []))
        ]
        for child_key, child in children:
            if not child["metadata"].get("deletionTimestamp"):
                self._delete(child_key, {})
        held = set(value["metadata"].get("finalizers", [])) - {"foregroundDeletion"}
        if not children and not held:
            self.store.drop(key)
            if key[1] == "services" and key[3] in self.relays:
                self.relays.pop(key[3]).close()

    def _workload(self, key: Key, value: Object) -> None:
        spec = value["spec"]
        wanted = spec.get("replicas", 1)
        joint = "-" if key[1] == "statefulsets" else "-5d4f-"
        names = [f"{key[3]}{joint}{n}" for n in range(wanted)]
        if self.quota is not None:
            message = f'pods "{names[0]}" is forbidden: {self.quota}'
            if key[1] == "deployments":
                condition = {"type": "ReplicaFailure", "status": "True", "message": message}
                status = {"conditions": [condition], "observedGeneration": _generation(value)}
                self.store.put(key, {**value, "status": status}, generation=False)
            else:
                self.event(key, value["kind"], "FailedCreate", message)
            return
        pods = [self.store.objects.get(("v1", "pods", key[2], name)) for name in names]
        for name, pod in zip(names, pods, strict=True):
            if pod is None:
                self._make_pod(key, value, name)
        made = [pod for pod in pods if pod is not None]
        ready = sum(_is_ready(pod) for pod in made)
        status = {"observedGeneration": _generation(value), "replicas": len(made)}
        status |= {"readyReplicas": ready, "updatedReplicas": len(made)}
        done = [p for p in made if p.get("status", {}).get("phase") == "Succeeded"]
        lost = [p for p in made if p.get("status", {}).get("phase") == "Failed"]
        if key[1] == "jobs":
            status = {"succeeded": len(done)}
            if lost:
                failed = {"type": "Failed", "status": "True", "message": "BackoffLimitExceeded"}
                status["conditions"] = [failed]
        self.store.put(key, {**value, "status": status}, generation=False)

    def _make_pod(self, key: Key, owner: Object, name: str) -> None:
        template = owner["spec"]["template"]
        metadata = {
            "name": name,
            "labels": dict(template.get("metadata", {}).get("labels", {})),
            "ownerReferences": [{"uid": owner["metadata"]["uid"], "controller": True}],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        self.store.put(("v1", "pods", key[2], name), pod)

    async def _service(self, key: Key, value: Object) -> None:
        ns, selector = key[2], value["spec"].get("selector", {})

        def backends() -> list[int]:
            return [
                self.instances[slot].port
                for (_, plural, where, _), pod in self.store.objects.items()
                if plural == "pods" and where == ns and _is_ready(pod)
                if selector.items() <= pod["metadata"].get("labels", {}).items()
                for slot in sorted(self.instances)
                if slot[0] == pod["metadata"]["uid"]
            ]

        relay = Relay(backends)
        await relay.open()
        self.relays[key[3]] = relay
        spec = {**value["spec"], "clusterIP": "127.0.0.1"}
        if spec.get("type") == "NodePort":
            spec["ports"] = [{**port, "nodePort": relay.port} for port in spec["ports"]]
        self.store.put(key, {**self.store.objects[key], "spec": spec})

    async def _pod(self, key: Key, pod: Object, *, deleting: bool) -> None:
        uid = pod["metadata"]["uid"]
        container = pod["spec"]["containers"][0]
        image = container["image"]
        slots = sorted(slot for slot in self.instances if slot[0] == uid)
        if deleting:
            if all(self.instances[slot].over for slot in slots):
                self.store.drop(key)
                return
            age = datetime.now(UTC) - datetime.fromisoformat(pod["metadata"]["deletionTimestamp"])
            number = signal.SIGKILL if age.total_seconds() > GRACE_S else signal.SIGTERM
            for slot in slots:
                self.instances[slot].stop(number)
            return
        if image == "bad/pull":
            self.event(key, "Pod", "Failed", f'Failed to pull image "{image}": not found')
            self._state(
                key, pod, {"waiting": {"reason": "ImagePullBackOff", "message": "back-off"}}
            )
            return
        if pod["spec"].get("nodeSelector"):
            message = (
                "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
            )
            condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
            status = {"phase": "Pending", "conditions": [{**condition, "message": message}]}
            self.store.put(key, {**pod, "status": status}, generation=False)
            return
        if not slots:
            missing = [name for name in _named_services(container) if name not in self.relays]
            if missing and any(k[1] == "services" and k[3] in missing for k in self.store.objects):
                return
            self._launch(key, pod, container, 0)
            return
        instance = self.instances[slots[-1]]
        if instance.process.poll() is None:
            if not instance.ready:
                instance.ready = await asyncio.to_thread(probe, instance, container)
            pod = self.store.objects.get(key, pod)
            if not pod["metadata"].get("deletionTimestamp"):
                self._running(key, pod, instance, slots[-1][2])
        elif instance.over:
            self._exited(key, pod, container, instance, slots[-1][2])

    def _launch(self, key: Key, pod: Object, container: Object, number: int) -> None:
        addresses = {name: f"127.0.0.1:{relay.port}" for name, relay in self.relays.items()}
        env = {e["name"]: e["value"] for e in container.get("env", []) if "value" in e}
        slot = (pod["metadata"]["uid"], container["name"], number)
        self.instances[slot] = start(container, addresses, env)

    def _running(self, key: Key, pod: Object, instance: Instance, number: int) -> None:
        state = {"running": {"startedAt": now()}}
        old = _status(pod)
        if old.get("state", {}).get("running"):
            state = old["state"]
        self._state(key, pod, state, ready=instance.ready, restarts=number)

    def _exited(
        self, key: Key, pod: Object, container: Object, instance: Instance, number: int
    ) -> None:
        code = instance.process.returncode
        code = 128 - code if code < 0 else code
        reason = "Completed" if code == 0 else "OOMKilled" if code == 137 else "Error"
        ended = {"terminated": {"exitCode": code, "reason": reason}}
        if pod["spec"].get("restartPolicy", "Always") == "Never":
            phase = "Succeeded" if code == 0 else "Failed"
            self._state(key, pod, ended, phase=phase, restarts=number)
        elif number == 0:
            self._launch(key, pod, container, 1)
            self._state(key, pod, {"running": {}}, restarts=1, last=ended)
        else:
            message = "back-off 10s restarting failed container"
            waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
            self.event(key, "Pod", "BackOff", "Back-off restarting failed container")
            self._state(key, pod, waiting, restarts=number, last=ended)

    def _state(
        self,
        key: Key,
        pod: Object,
        state: Object,
        *,
        ready: bool = False,
        restarts: int = 0,
        last: Object | None = None,
        phase: str = "Running",
    ) -> None:
        old = _status(pod)
        status = {
            "phase": phase,
            "hostIP": "127.0.0.1",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": str(ready)},
            ],
            "containerStatuses": [
                {
                    "name": pod["spec"]["containers"][0]["name"],
                    "restartCount": restarts,
                    "ready": ready,
                    "state": state,
                    "lastState": last or old.get("lastState", {}),
                }
            ],
        }
        self.store.put(key, {**pod, "status": status}, generation=False)

    def event(self, key: Key, kind: str, reason: str, message: str) -> None:
        name = f"{key[3]}.{reason}"
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name},
            "type": "Warning",
            "reason": reason,
            "message": message,
            "involvedObject": {"kind": kind, "name": key[3]},
            "lastTimestamp": "2026-01-01T00:00:00Z",
        }
        old = self.store.objects.get(("v1", "events", key[2], name))
        if old is None:
            self.store.put(("v1", "events", key[2], name), body)


@contextlib.contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    folder.mkdir(parents=True, exist_ok=True)
    with Cluster(folder) as cluster:
        yield cluster


def _node(address: str) -> Object:
    return {
        "conditions": [{"type": "Ready", "status": "True"}],
        "addresses": [{"type": "InternalIP", "address": address}],
    }


def _version(version: str) -> Object:
    return {"groupVersion": version, "version": version.split("/")[1]}


def _generation(value: Object) -> int:
    return value["metadata"].get("generation", 1)


def _is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _status(pod: Object) -> Object:
    entries = pod.get("status", {}).get("containerStatuses", [])
    return entries[0] if entries else {}


def _named_services(container: Object) -> list[str]:
    return re.findall(r"//([a-z0-9-]+)", " ".join(map(str, container.get("args", []))))


def _line(kind: str, value: Object) -> bytes:
    return json.dumps({"type": kind, "object": value}).encode() + b"\n"


def _stamp(at: int) -> bytes:
    seconds, nanos = divmod(at, 10**9)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{nanos:09d}Z".encode()
