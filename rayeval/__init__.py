"""rayeval：面向 OpenAI 接口推理服务的分布式回归框架。"""

__version__ = "0.1.0"
