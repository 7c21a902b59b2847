"""report.html：自成一体的一页，从磁盘打开，不联网；画的是汇总，不是原始行。"""

from rayeval.export.page.material import Log, Material, no_tables
from rayeval.export.page.page import report_html

__all__ = ["Log", "Material", "no_tables", "report_html"]
