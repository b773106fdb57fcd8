'use strict';
/* An SMPP peer in node-smpp (npm `smpp`): an SMSC or an ESME of somebody else's making.
 *
 * peer.py starts it and tells the lines of JSON that go both ways: commands on stdin,
 * what was decoded on stdout. Texts are coded by node-smpp alone. Ends with stdin.
 */
const fs = require('fs');
const readline = require('readline');
const smpp = require('smpp');

const options = JSON.parse(process.argv[2]);
const refusals = {bind: options.refuse_binds || [], submit_sm: {}};
let number = options.first_id;
let reference = 0;
let session = null;
let sessions = 0;

function tell(event) {
  process.stdout.write(JSON.stringify(event) + '\n');
}

function trouble(error) {
  tell({event: 'trouble', detail: String(error)});
}

function plain(value) {
  return Buffer.isBuffer(value) ? value.toString('hex') : value;
}

/* [reference, total, part] as node-smpp took it from the user data header, or TLVs. */
function place(pdu, content) {
  for (const element of (content && content.udh) || []) {
    if (element[0] === 0 && element[1] === 3) {
      return [element[2], element[3], element[4]];
    }
    if (element[0] === 8 && element[1] === 4) {
      return [element.readUInt16BE(2), element[4], element[5]];
    }
  }
  if (pdu.sar_total_segments) {
    return [pdu.sar_msg_ref_num, pdu.sar_total_segments, pdu.sar_segment_seqnum];
  }
  return null;
}

function seen(pdu, more) {
  const fields = {};
  for (const [key, value] of Object.entries(pdu)) {
    if (key !== 'short_message' && key !== 'message_payload') {
      fields[key] = plain(value);
    }
  }
  let content = pdu.short_message;
  if (pdu.message_payload && !(content && content.message && content.message.length)) {
    content = pdu.message_payload;
  }
  const text = content ? content.message : null;
  tell({
    event: 'pdu',
    command: pdu.command,
    status: pdu.command_status,
    fields: fields,
    text: typeof text === 'string' ? text : null,
    data: Buffer.isBuffer(text) ? text.toString('hex') : null,
    concat: place(pdu, content),
    ...more,
  });
}

function messageId() {
  number += 1;
  return options.ids === 'hex' ? number.toString(16) : String(number);
}

function answerSubmit(connection, pdu) {
  const status = (refusals.submit_sm[pdu.destination_addr] || []).shift() || 0;
  const id = status ? null : messageId();
  connection.send(pdu.response(status ? {command_status: status} : {message_id: id}));
  seen(pdu, {id: id, answer: status, session: connection.number, at: Date.now() / 1000});
}

function answerBind(connection, pdu) {
  const status = refusals.bind.shift() || 0;
  seen(pdu, {answer: status});
  const answer = status ? {command_status: status} : {system_id: 'node-smpp'};
  if (pdu.command !== 'bind_transmitter') {
    session = connection;
  }
  connection.send(pdu.response(answer), () => status && connection.close());
}

function serve(connection) {
  sessions += 1;
  connection.number = sessions;
  // A callback of the one before may come late: it must not touch this one.
  connection.on('error', trouble);
  connection.on('close', () => tell({event: 'closed'}));
  connection.on('pdu', (pdu) => {
    if (pdu.command.startsWith('bind_') && !pdu.isResponse()) {
      answerBind(connection, pdu);
    } else if (pdu.command === 'submit_sm') {
      answerSubmit(connection, pdu);
    } else if (pdu.command === 'unbind') {
      seen(pdu);
      connection.send(pdu.response(), () => connection.close());
    } else {
      seen(pdu);
      if (!pdu.isResponse()) {
        connection.send(pdu.response());
      }
      if (pdu.command === 'unbind_resp') {
        connection.close();
      }
    }
  });
}

/* The text as phones cut it: by units, whatever they belong to. */
function pieces(text, size) {
  const found = [];
  for (let at = 0; at < text.length; at += size) {
    found.push(text.slice(at, at + size));
  }
  return found;
}

function header(wide, total, part) {
  return wide
    ? Buffer.from([6, 8, 4, reference >> 8, reference & 255, total, part])
    : Buffer.from([5, 0, 3, reference & 255, total, part]);
}

function send(command) {
  const {concat, fields, order, text} = command;
  if (fields.network_error_code) {
    fields.network_error_code = Buffer.from(fields.network_error_code, 'hex');
  }
  if (concat === 'payload') {
    session[command.command]({...fields, message_payload: {message: text}});
    return;
  }
  if (!concat) {
    session[command.command]({...fields, short_message: text || ''});
    return;
  }
  const parts = pieces(text, fields.data_coding === 8 ? 65 : 60);
  reference += 1;
  const numbers = parts.map((_, index) => index + 1);
  if (order === 'reversed') {
    numbers.reverse();
  } else if (order === 'rotated') {
    numbers.push(numbers.shift());
  }
  for (const part of numbers) {
    const message = parts[part - 1];
    const place =
      concat === 'sar'
        ? {
            short_message: message,
            sar_msg_ref_num: reference,
            sar_total_segments: parts.length,
            sar_segment_seqnum: part,
          }
        : {
            short_message: {
              udh: header(concat === 'udh16', parts.length, part),
              message: message,
            },
          };
    session[command.command]({...fields, ...place});
  }
}

function obey(line) {
  const command = JSON.parse(line);
  if (!session && command.do !== 'refuse') {
    return;  // nobody is there to hear it
  }
  if (command.do === 'send') {
    send(command);
  } else if (command.do === 'refuse') {
    refusals.submit_sm[command.to] = command.statuses;
  } else {
    session[command.do]();
  }
}

if (options.role === 'smsc') {
  const tls = options.certificate && {
    cert: fs.readFileSync(options.certificate),
    key: fs.readFileSync(options.key),
  };
  const server = smpp.createServer(tls || {}, serve);
  server.listen(0, '127.0.0.1', () => {
    tell({event: 'listening', port: server.address().port});
  });
} else {
  session = smpp.connect({host: '127.0.0.1', port: options.port});
  serve(session);
  session.on('connect', () => {
    const {system_id, password} = options;
    session.bind_transceiver({system_id, password});
  });
}

readline
  .createInterface({input: process.stdin})
  .on('line', obey)
  .on('close', () => process.exit(0));
