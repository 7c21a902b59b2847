"""内置的 OpenAI 兼容服务：守时、自证、可出题；`python -m rayeval.mock`。"""
