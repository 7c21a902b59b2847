"""Kubernetes 一侧：说话、施用、看 Pod、找地址、收日志、清扫。"""
