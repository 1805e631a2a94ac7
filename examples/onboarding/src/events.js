const people = require('./people');

// The topic tells of a sign-up.
exports.welcome = async (event) => {
  for (const record of event.Records) {
    const { id, email } = JSON.parse(record.Sns.Message);
    await people.markWelcomed(id, new Date().toISOString());
    console.log(`welcomed ${id} at ${email}`);
  }
};

// Every morning: who has not sent a picture?
exports.remind = async (event) => {
  const missing = [];
  let after;
  do {
    const page = await people.page(100, after);
    missing.push(...page.Items.filter((p) => !p.picture).map((p) => p.id));
    after = page.LastEvaluatedKey && page.LastEvaluatedKey.id;
  } while (after);
  console.log(`reminding ${missing.length} at ${event.time}: ${missing.sort().join(' ')}`);
  return { reminded: missing };
};
