"""`python -m rayeval.cli`：与 `rayeval` 相同。"""

from rayeval.cli.verbs import main

main()
