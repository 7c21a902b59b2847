"""网络：代理会不会插到测量的路上，Pushgateway 与 Kubernetes 的 API 答不答话。"""

from __future__ import annotations

from collections.abc import Mapping

from rayeval.doctor.configuration import unread
from rayeval.doctor.finding import Told, fail, ok, skip, split_mend, warn
from rayeval.doctor.scene import Scene
from rayeval.domain.push import PushSpec
from rayeval.domain.service import ExternalService
from rayeval.errors import LaunchError, PushError, RayevalError, UsageError
from rayeval.perf.target import refuse_proxy

PATIENCE_S = 4.0
"""等一个网上的东西这么久，秒。"""
LOOPBACK = ("127.0.0.1", "localhost")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def proxies(env: Mapping[str, str], urls: Mapping[str, str]) -> Told:
    """代理：`urls` 是要压的外部服务，场景 → 地址。代理的值里可能有密码，只说变量的名字。"""
    refused = {}
    for name, url in urls.items():
        try:
            refuse_proxy(url, env)
        except UsageError as error:
            refused[name] = str(error)
    if refused:
        name, message = next(iter(refused.items()))
        return fail(f"{name}: {message.partition(':')[0]}", message.partition(": ")[2])
    present = [v for n in _PROXIES for v in (n, n.upper()) if env.get(v, "").strip()]
    if not present:
        return ok("none set")
    spared = env.get("no_proxy", env.get("NO_PROXY", ""))
    missing = [host for host in LOOPBACK if host not in spared.replace(" ", "").split(",")]
    if missing and spared.strip() != "*":
        seen = f"{', '.join(present)} set, and NO_PROXY lacks {', '.join(missing)}"
        return warn(seen, f"add them: export NO_PROXY={','.join(LOOPBACK)}")
    return ok(f"{', '.join(present)} set; loopback goes direct")


def check_proxies(scene: Scene) -> Told:
    """环境里的代理。"""
    urls = {
        plan.scenario.id: plan.scenario.service.base_url
        for plan in scene.plans()
        if plan.perf is not None and isinstance(plan.scenario.service, ExternalService)
    }
    return proxies(scene.env, urls)


def check_pushgateway(scene: Scene) -> Told:
    """配了网关的话，它说自己好了吗。"""
    try:
        spec = scene.push()
    except UsageError as error:
        return fail(*split_mend(str(error)))
    if spec.url is None:
        return skip("none configured; metrics stay in metrics/*.prom")
    from rayeval.export.pushgateway import opened

    limits = {"timeout_s": PATIENCE_S, "attempts": 1, "give_up_s": PATIENCE_S + 1}
    brief: PushSpec = spec.model_copy(update=limits)
    try:
        with opened(brief) as gateway:
            gateway.ready()
    except PushError as error:
        seen, said = split_mend(str(error))
        mend = said or "start it, or mend push.url or PROM_PUSHGATEWAY_URL"
        mend += "; --no-push does without"
        return fail(seen, mend) if spec.required else warn(seen, mend)
    return ok(f"{spec.url} is ready")


def check_kubernetes(scene: Scene) -> Told:
    """k8s-* 的场景要用的集群：文件在、context 对、API 答话。"""
    if (told := unread(scene)) is not None:
        return told
    services = scene.kubernetes()
    if not services:
        return skip("no scenario is deployed to Kubernetes")
    from rayeval.service.kube.api import ApiError, connect

    places = {(s.kubeconfig, s.context, s.namespace): name for name, s in services.items()}
    seen = []
    for (kubeconfig, context, namespace), name in places.items():
        try:
            with connect(kubeconfig, context, namespace, patience_s=PATIENCE_S / 2) as api:
                version = api.get("/version").get("gitVersion", "of an unknown version")
        except LaunchError as error:
            said, mend = split_mend(str(error))
            return fail(f"{name}: {said}", mend or "mend the scenario's k8s section")
        except (ApiError, RayevalError) as error:
            return fail(f"{name}: {error}", "is the cluster up, and its address right?")
        where = f"{kubeconfig or 'in-cluster'}{f', context {context}' if context else ''}"
        seen.append(f"{where}: answers, {version}, namespace {namespace}")
    return ok("\n".join(seen))
