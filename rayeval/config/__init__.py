"""配置：YAML 文件 → RunSpec；一次报全所有错误。"""
