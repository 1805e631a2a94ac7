import decimal
import logging
import os


def wrapped(event, context):
    return os.environ["ORIGINAL"]


def decimals(event, context):
    return [decimal.Decimal("1.5"), "ü"]


def unmarshalled(event, context):
    return {1, 2}


def json(event, context):
    logging.getLogger("shop").warning("paid %d", 3, extra={"order": "one"})
    logging.getLogger().info("hidden")
    try:
        raise RuntimeError("in the log")
    except RuntimeError:
        logging.exception("it broke")
    return "logged"
