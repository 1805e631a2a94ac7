"""Topics to an HTTP endpoint: what is posted verifies with a public validator, and its links work."""

import http.server
import json
import re
import threading
import urllib.error
import urllib.request

import pytest
from conftest import client, refused, until
from sns_message_validator import SNSMessageValidator
from sns_message_validator.exceptions import SignatureVerificationFailureException

sns = client("sns")
# The validator's default wants AWS's own host names; the platform under test is on loopback.
validator = SNSMessageValidator(cert_url_regex=r"^http://127\.0\.0\.1:\d+/SimpleNotificationService-[0-9a-f]+\.pem$")


@pytest.fixture
def endpoint():
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.headers, json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/x", got
    server.shutdown()
    server.server_close()


def test_the_whole_life_of_a_subscription(name, endpoint):
    url, got = endpoint
    topic = sns.create_topic(Name=name)["TopicArn"]
    assert sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url)["SubscriptionArn"] == "pending confirmation"
    [listed] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    headers, question = until(lambda: got and got[0])
    assert headers["x-amz-sns-message-type"] == question["Type"] == "SubscriptionConfirmation"
    validator.validate_message(question)

    answer = urllib.request.urlopen(question["SubscribeURL"]).read().decode()
    sub = re.search(r"<SubscriptionArn>(.*)</SubscriptionArn>", answer).group(1)
    sns.publish(TopicArn=topic, Subject="s", Message="hello")
    headers, message = until(lambda: len(got) == 2 and got[1])
    assert (
        headers["x-amz-sns-subscription-arn"] == sub
        and headers["User-Agent"] == "Amazon Simple Notification Service Agent"
    )
    validator.validate_message(message)
    with pytest.raises(SignatureVerificationFailureException):
        validator.validate_message(message | {"Message": "forged"})

    urllib.request.urlopen(message["UnsubscribeURL"])
    with refused("NotFound", 404):
        sns.get_subscription_attributes(SubscriptionArn=sub)
    _, bye = until(lambda: len(got) == 3 and got[2])
    assert bye["Type"] == "UnsubscribeConfirmation"
    validator.validate_message(bye)
    sns.delete_topic(TopicArn=topic)


def test_nobody_unsubscribes_who_must_sign(name, endpoint):
    url, got = endpoint
    topic = sns.create_topic(Name=name)["TopicArn"]
    sub = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url, ReturnSubscriptionArn=True)["SubscriptionArn"]
    _, question = until(lambda: got and got[0])
    with refused("InvalidParameter", 400, "Token"):
        sns.confirm_subscription(TopicArn=topic, Token="0" * 64)
    sns.confirm_subscription(TopicArn=topic, Token=question["Token"], AuthenticateOnUnsubscribe="true")
    sns.publish(TopicArn=topic, Message="hello")
    _, message = until(lambda: len(got) == 2 and got[1])
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(message["UnsubscribeURL"])
    assert caught.value.code == 403
    sns.get_subscription_attributes(SubscriptionArn=sub)
    sns.unsubscribe(SubscriptionArn=sub)
    sns.delete_topic(TopicArn=topic)
