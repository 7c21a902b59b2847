"""看板与规则的源：`python -m dashboards.source` 由它们写出 grafana/ 与 prometheus/ 下的文件。"""
