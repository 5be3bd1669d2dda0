-- Generated from the declarations in codecs/ by `python -m net4ai.codecs.generate`; do not edit.
-- Data of the Wireshark plugin net4ai.lua, which lies beside this file.

return {
  ports = {signalling = 46400, bulk = 46401, n2 = 46412},
  dep_version = 1,
  maximum_n2_message = 65536,
  element_size = {[0] = 0, [1] = 4, [2] = 2, [3] = 2, [4] = 1, [5] = 1, [6] = 4, [7] = 8, [8] = 8},
  structures = {
    l2_header = {
      name = "L2Header",
      doc = "The header of every PDU on the Uu, T4 and T8.",
      parts = {
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "version", label = "Version", filter = "net4ai.version", type = "uint8", mask = 192, divisor = 64, modulus = 4, minimum = 0, maximum = 0, doc = "Version of this layer."},
            {name = "is_data", label = "Is data", filter = "net4ai.is_data", type = "bool", mask = 32, divisor = 32, modulus = 2, doc = "Data (1) or status report (0) of an acknowledged bearer."},
            {name = "segmentation", label = "Segmentation", filter = "net4ai.segmentation", type = "uint8", mask = 24, divisor = 8, modulus = 4, codes = "Segmentation", doc = "Whole service data unit, or which part of it."},
            {name = "poll", label = "Poll", filter = "net4ai.poll", type = "bool", mask = 4, divisor = 4, modulus = 2, doc = "Asks for a status report."},
            {name = "has_mac", label = "Has MAC-I", filter = "net4ai.has_mac", type = "bool", mask = 2, divisor = 2, modulus = 2, doc = "A 32-bit MAC-I ends the PDU. 0: null integrity, no keys yet."},
            {name = "ciphered", label = "Ciphered", filter = "net4ai.ciphered", type = "bool", mask = 1, divisor = 1, modulus = 2, doc = "What follows the header (and segment offset), the MAC-I included, is enciphered."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "bearer_type", label = "Bearer type", filter = "net4ai.bearer_type", type = "uint8", mask = 192, divisor = 64, modulus = 4, codes = "BearerType", doc = "What the PDU belongs to."},
            {name = "bearer", label = "Bearer", filter = "net4ai.bearer", type = "uint8", mask = 63, divisor = 1, modulus = 64, doc = "Identity of the bearer within its type."},
          },
        },
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "c_rnti", label = "C-RNTI", filter = "net4ai.c_rnti", type = "uint16", doc = "Radio identity of the UE; 0 on SRB0. On T4 and T8 the peer identity given at attach."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "count", label = "COUNT", filter = "net4ai.count", type = "uint32", doc = "Number of the PDU per C-RNTI, bearer, direction and socket; in acknowledged mode the ARQ number."},
          },
        },
      },
    },
    segment_offset = {
      name = "SegmentOffset",
      doc = "Follows the header of a last or middle segment.",
      parts = {
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "offset", label = "Offset", filter = "net4ai.segment.offset", type = "uint32", doc = "Offset of this segment within its service data unit, in octets."},
          },
        },
      },
    },
    status_report = {
      name = "StatusReport",
      doc = "Body of a status report: everything before `next_count` has arrived but for the missing ranges.",
      parts = {
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "next_count", label = "Next count", filter = "net4ai.status.next_count", type = "uint32", doc = "COUNT behind the highest PDU received."},
          },
        },
        {
          kind = "octets",
          name = "missing",
          label = "Missing",
          filter = "net4ai.status.missing",
          length_size = 0,
          maximum = 384,
          doc = "Missing ranges, 6 octets each.",
          element_size = 6,
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "first", label = "First", filter = "net4ai.status.missing.first", type = "uint32", doc = "COUNT of the first missing PDU."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "length", label = "Length", filter = "net4ai.status.missing.length", type = "uint16", minimum = 1, maximum = 65535, doc = "How many are missing."},
              },
            },
          },
        },
      },
    },
    dep_header = {
      name = "DepHeader",
      doc = "The header of every DEP PDU. No flag differs among the segments of a bulk run.",
      parts = {
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "version", label = "Version", filter = "dep.version", type = "uint8", mask = 240, divisor = 16, modulus = 16, doc = "Version of DEP, agreed when the session is added."},
            {name = "type", label = "Type", filter = "dep.type", type = "uint8", mask = 15, divisor = 1, modulus = 16, codes = "DepType", doc = "Type of the PDU."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "response", label = "Response", filter = "dep.response", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "The message answers the peer's message of the same message id."},
            {name = "ack_requested", label = "ACK requested", filter = "dep.ack_requested", type = "bool", mask = 64, divisor = 64, modulus = 2, doc = "The receiver shall acknowledge at once."},
            {name = "reencrypted", label = "Re-encrypted", filter = "dep.reencrypted", type = "bool", mask = 32, divisor = 32, modulus = 2, doc = "Set by the forwarding function after proxy re-encryption (R87)."},
            {name = "reserved_flags", label = "Reserved flags", filter = "dep.reserved_flags", type = "uint8", mask = 31, divisor = 1, modulus = 32, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "congestion", label = "Congestion", filter = "dep.congestion", type = "uint8", mask = 192, divisor = 64, modulus = 4, codes = "CongestionMark", doc = "Explicit congestion notification."},
            {name = "qfi", label = "QFI", filter = "dep.qfi", type = "uint8", mask = 63, divisor = 1, modulus = 64, doc = "QoS flow identifier (R103, R104)."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "extension_words", label = "Extension words", filter = "dep.extension_words", type = "uint8", doc = "Length of the extensions behind the header, in 32-bit words."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "handle", label = "Handle", filter = "dep.handle", type = "uint32", base = "HEX", shared = "handle", doc = "Session handle: random, allocated by the receiver of this leg, unrelated to any identity."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "message_id", label = "Message id", filter = "dep.message_id", type = "uint32", doc = "Number of the message per session, QoS flow and sender of the request."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "offset", label = "Offset", filter = "dep.offset", type = "uint32", doc = "Offset within the message, in octets."},
          },
        },
      },
    },
    extension = {
      name = "Extension",
      doc = "Head of one extension; its value follows, padded to whole words. Legal on every type; bulk DATA has none. Unknown ones that are not critical are passed over. Reserved bits other than 0 and lengths that do not end where the extensions end make the PDU malformed.",
      parts = {
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "critical", label = "Critical", filter = "dep.extension.critical", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "A receiver that does not know the type must answer ERROR."},
            {name = "type", label = "Type", filter = "dep.extension.type", type = "uint8", mask = 127, divisor = 1, modulus = 128, codes = "ExtensionType", doc = "Type of the extension."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "words", label = "Words", filter = "dep.extension.words", type = "uint8", minimum = 1, maximum = 255, doc = "Length with this head, in 32-bit words."},
          },
        },
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "reserved_bits", label = "Reserved bits", filter = "dep.extension.reserved_bits", type = "uint16", minimum = 0, maximum = 0, doc = "Must be 0."},
          },
        },
      },
    },
    message_prefix = {
      name = "MessagePrefix",
      doc = "The first 64 octets of every message.",
      parts = {
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "magic", label = "Magic", filter = "net4ai.message.magic", type = "uint16", base = "HEX", minimum = 20020, maximum = 20020, doc = "The letters \"N4\"."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "version", label = "Version", filter = "net4ai.message.version", type = "uint8", minimum = 1, maximum = 1, doc = "Version of the prefix."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "more", label = "More", filter = "net4ai.message.more", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "Another chunk of the same tag and index continues this one."},
            {name = "chunk", label = "Chunk", filter = "net4ai.message.chunk", type = "bool", mask = 64, divisor = 64, modulus = 2, doc = "The data is a chunk of a stream."},
            {name = "broken", label = "Broken", filter = "net4ai.message.broken", type = "bool", mask = 32, divisor = 32, modulus = 2, doc = "The stream ends here, unfinished."},
            {name = "taken", label = "Taken", filter = "net4ai.message.taken", type = "bool", mask = 16, divisor = 16, modulus = 2, doc = "No message: its sender has taken the chunks of a stream below `number`."},
            {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.message.reserved_flags", type = "uint8", mask = 15, divisor = 1, modulus = 16, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "record_size", label = "Record size", filter = "net4ai.message.record_size", type = "uint32", doc = "Largest plaintext of a sealed record, in octets; 0: the data is bare."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "content", label = "Content", filter = "net4ai.message.content", type = "uint8", codes = "Content", doc = "What the data is."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "element_type", label = "Element type", filter = "net4ai.message.element_type", type = "uint8", codes = "ElementType", doc = "Element type of a tensor."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "rank", label = "Rank", filter = "net4ai.message.rank", type = "uint8", minimum = 0, maximum = 8, doc = "Number of dimensions of a tensor."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "reserved_octet", label = "Reserved octet", filter = "net4ai.message.reserved_octet", type = "uint8", quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "tag", label = "Tag", filter = "net4ai.message.tag", type = "uint16", doc = "Belongs to the functions: what the message means to them."},
          },
        },
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "reserved_word", label = "Reserved word", filter = "net4ai.message.reserved_word", type = "uint16", quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "index", label = "Index", filter = "net4ai.message.index", type = "uint32", doc = "Belongs to the functions: for example the step."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "number", label = "Number", filter = "net4ai.message.number", type = "uint32", doc = "Of a chunk: counts on over all streams of the channel, modulo 2^32. Otherwise 0."},
          },
        },
        {
          kind = "word",
          size = 8,
          fields = {
            {name = "data_length", label = "Data length", filter = "net4ai.message.data_length", type = "uint64", doc = "Length of the data in plain, in octets."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "dimension_0", label = "Dimension 0", filter = "net4ai.message.dimension_0", type = "uint32", quiet = true, doc = "Size of dimension 0, or 0."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "dimension_1", label = "Dimension 1", filter = "net4ai.message.dimension_1", type = "uint32", quiet = true, doc = "Size of dimension 1, or 0."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "dimension_2", label = "Dimension 2", filter = "net4ai.message.dimension_2", type = "uint32", quiet = true, doc = "Size of dimension 2, or 0."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "dimension_3", label = "Dimension 3", filter = "net4ai.message.dimension_3", type = "uint32", quiet = true, doc = "Size of dimension 3, or 0."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "dimension_4", label = "Dimension 4", filter = "net4ai.message.dimension_4", type = "uint32", quiet = true, doc = "Size of dimension 4, or 0."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "dimension_5", label = "Dimension 5", filter = "net4ai.message.dimension_5", type = "uint32", quiet = true, doc = "Size of dimension 5, or 0."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "dimension_6", label = "Dimension 6", filter = "net4ai.message.dimension_6", type = "uint32", quiet = true, doc = "Size of dimension 6, or 0."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "dimension_7", label = "Dimension 7", filter = "net4ai.message.dimension_7", type = "uint32", quiet = true, doc = "Size of dimension 7, or 0."},
          },
        },
      },
    },
    record = {
      name = "Record",
      doc = "Head of a sealed record; ciphertext and a 16-octet tag follow.",
      parts = {
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "version", label = "Version", filter = "net4ai.message.record.version", type = "uint8", minimum = 1, maximum = 1, doc = "Version of the record layer."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "last", label = "Last", filter = "net4ai.message.record.last", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "The last record of its message."},
            {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.message.record.reserved_flags", type = "uint8", mask = 127, divisor = 1, modulus = 128, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "reserved_bits", label = "Reserved bits", filter = "net4ai.message.record.reserved_bits", type = "uint16", quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "epoch", label = "Epoch", filter = "net4ai.message.record.epoch", type = "uint32", doc = "Key epoch; only grows."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "length", label = "Length", filter = "net4ai.message.record.length", type = "uint32", doc = "Octets of ciphertext, without the tag."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "sequence", label = "Sequence", filter = "net4ai.message.record.sequence", type = "uint32", doc = "Number of the record under its key."},
          },
        },
      },
    },
  },
  bodies = {
    [1] = {
      filter = "dep.data",
      doc = "Body of DATA, before the payload. A payload of no octets announces a message and asks for credit. The offset of an announcement tells how much is known to have arrived: 0, unless the path has changed.",
      parts = {
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "message_length", label = "Message length", filter = "dep.data.message_length", type = "uint32", doc = "Length of the whole message, in octets."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "packet_number", label = "Packet number", filter = "dep.data.packet_number", type = "uint32", doc = "Per session, QoS flow and direction; fresh on every transmission, unchanged by forwarding."},
          },
        },
      },
    },
    [2] = {
      filter = "dep.grant",
      doc = "Body of GRANT: the receiver permits the octets before `limit` of the message.",
      parts = {
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "limit", label = "Limit", filter = "dep.grant.limit", type = "uint32", doc = "Octets permitted, counted from the start of the message."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "priority", label = "Priority", filter = "dep.grant.priority", type = "uint8", doc = "Lower goes first."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "reserved_octet", label = "Reserved octet", filter = "dep.grant.reserved_octet", type = "uint8", quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "reserved_bits", label = "Reserved bits", filter = "dep.grant.reserved_bits", type = "uint16", quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
      },
    },
    [3] = {
      filter = "dep.ack",
      doc = "Body of ACK: all octets before the header's offset have arrived, and the segments whose bit is set. The map has just the octets its bits need; bits behind the last one are ignored.",
      parts = {
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "highest_packet", label = "Highest packet", filter = "dep.ack.highest_packet", type = "uint32", doc = "Highest packet number seen in this direction of the flow."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "delay", label = "Delay", filter = "dep.ack.delay", type = "uint32", doc = "Time between its arrival and this PDU, in microseconds."},
          },
        },
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "segment_size", label = "Segment size", filter = "dep.ack.segment_size", type = "uint16", doc = "Octets a bit of the map stands for."},
          },
        },
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "map_bits", label = "Map bits", filter = "dep.ack.map_bits", type = "uint16", doc = "Number of bits in the map."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "congestion", label = "Congestion", filter = "dep.ack.congestion", type = "uint8", doc = "Share of segments marked since the last ACK, in 1/255."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "reserved_octet", label = "Reserved octet", filter = "dep.ack.reserved_octet", type = "uint8", quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "reserved_bits", label = "Reserved bits", filter = "dep.ack.reserved_bits", type = "uint16", quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
        {kind = "octets", name = "map", label = "Map", filter = "dep.ack.map", length_size = 0, maximum = 1024, doc = "Bit i, most significant first: segment i behind the offset has arrived."},
      },
    },
    [4] = {
      filter = "dep.nack",
      doc = "Body of NACK: octets to send again now.",
      parts = {
        {
          kind = "octets",
          name = "ranges",
          label = "Ranges",
          filter = "dep.nack.ranges",
          length_size = 0,
          maximum = 512,
          doc = "Missing ranges (MissingOctets), 8 octets each.",
          element_size = 8,
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "start", label = "Start", filter = "dep.nack.ranges.start", type = "uint32", doc = "First missing octet."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "end", label = "End", filter = "dep.nack.ranges.end", type = "uint32", doc = "Octet behind the last missing one."},
              },
            },
          },
        },
      },
    },
    [5] = {
      filter = "dep.busy",
      doc = "Body of BUSY: alive, but no credit yet; the sender's timer starts anew.",
      parts = {
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "reserved_bits", label = "Reserved bits", filter = "dep.busy.reserved_bits", type = "uint32", quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
      },
    },
    [6] = {
      filter = "dep.echo",
      doc = "Body of PING and PONG: PONG repeats what PING said.",
      parts = {
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "echo", label = "Echo", filter = "dep.echo.echo", type = "uint32", doc = "Anything; comes back in PONG."},
          },
        },
      },
    },
    [7] = {
      filter = "dep.echo",
      doc = "Body of PING and PONG: PONG repeats what PING said.",
      parts = {
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "echo", label = "Echo", filter = "dep.echo.echo", type = "uint32", doc = "Anything; comes back in PONG."},
          },
        },
      },
    },
    [8] = {
      filter = "dep.close",
      doc = "Body of CLOSE and CLOSE_ACK: the data phase ends. The session itself is released by RRC or link signalling.",
      parts = {
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "cause", label = "Cause", filter = "dep.close.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
          },
        },
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "reserved_bits", label = "Reserved bits", filter = "dep.close.reserved_bits", type = "uint16", quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
      },
    },
    [9] = {
      filter = "dep.close",
      doc = "Body of CLOSE and CLOSE_ACK: the data phase ends. The session itself is released by RRC or link signalling.",
      parts = {
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "cause", label = "Cause", filter = "dep.close.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
          },
        },
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "reserved_bits", label = "Reserved bits", filter = "dep.close.reserved_bits", type = "uint16", quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
      },
    },
    [10] = {
      filter = "dep.path",
      doc = "Body of PATH, the first PDU of a session on another path. DATA waits until it is answered; so it is repeated. The receiver answers with PATH of the same sequence and `answer` set, behind an ACK, and GRANT where credit was given, for every message it has begun to receive. The sender of PATH says the same of what it receives. Both go on from there; what was permitted on the old path is void. An older sequence is answered and changes nothing.",
      parts = {
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "sequence", label = "Sequence", filter = "dep.path.sequence", type = "uint16", doc = "Number of the change, per session and sender; greater than the last, modulo 2^16."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "reason", label = "Reason", filter = "dep.path.reason", type = "uint8", codes = "PathReason", doc = "Why the path changed."},
          },
        },
        {
          kind = "word",
          size = 1,
          fields = {
            {name = "answer", label = "Answer", filter = "dep.path.answer", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "The answer to a PATH of the peer."},
            {name = "reserved_flags", label = "Reserved flags", filter = "dep.path.reserved_flags", type = "uint8", mask = 127, divisor = 1, modulus = 128, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
      },
    },
    [11] = {
      filter = "dep.error",
      doc = "Body of ERROR: never sent in answer to ERROR, rate-limited, to bound peers only. The header names session, QoS flow and message it is about. Only where the handle of the offending PDU is unknown, so that nobody can tell the sender's, the header's handle is 0 and the body has the offending one.",
      parts = {
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "cause", label = "Cause", filter = "dep.error.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "What was wrong."},
          },
        },
        {
          kind = "word",
          size = 2,
          fields = {
            {name = "reserved_bits", label = "Reserved bits", filter = "dep.error.reserved_bits", type = "uint16", quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
          },
        },
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "handle", label = "Handle", filter = "dep.error.handle", type = "uint32", base = "HEX", shared = "handle", doc = "The offending handle where it is unknown, else 0."},
          },
        },
      },
    },
    [12] = {
      filter = "dep.capsule",
      doc = "Body of CAPSULE: a key capsule that belongs to the sender's direction, sent before records that need it. Opaque to DEP. Repeated until the receiver has answered CAPSULE with the same epoch and no octets; one at a time. A receiver takes an epoch newer than all before, answers older ones, and refuses other octets under one by ERROR.",
      parts = {
        {
          kind = "word",
          size = 4,
          fields = {
            {name = "epoch", label = "Epoch", filter = "dep.capsule.epoch", type = "uint32", doc = "Number of the key, growing."},
          },
        },
        {kind = "octets", name = "capsule", label = "Capsule", filter = "dep.capsule.capsule", length_size = 0, maximum = 1024, doc = "Opaque."},
      },
    },
  },
  families = {
    rrc = {
      name = "RRC",
      doc = "RRC-like messages: SRB0 before the UE has a C-RNTI, SRB1 afterwards.",
      filter = "net4ai.rrc",
      messages = {
        [1] = {
          name = "RRC Setup Request",
          bearer = "SRB0",
          direction = "up",
          before_security = true,
          doc = "A UE asks for a connection.",
          parts = {
            {
              kind = "word",
              size = 8,
              fields = {
                {name = "ue_identity", label = "UE identity", filter = "net4ai.rrc.setup_request.ue_identity", type = "uint64", base = "HEX", doc = "Random number the UE recognises its answer by."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.rrc.setup_request.cause", type = "uint8", codes = "EstablishmentCause", doc = "Establishment cause."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "bulk_port", label = "Bulk port", filter = "net4ai.rrc.setup_request.bulk_port", type = "uint16", minimum = 1, maximum = 65535, doc = "UDP port of the UE's bulk socket."},
              },
            },
          },
        },
        [2] = {
          name = "RRC Setup",
          bearer = "SRB0",
          direction = "down",
          before_security = true,
          doc = "The RAN node accepts and names the C-RNTI. In answer to a Re-establishment Request: there is no context.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.rrc.setup.transaction", type = "uint8", minimum = 0, maximum = 3, doc = "RRC transaction identifier."},
              },
            },
            {
              kind = "word",
              size = 8,
              fields = {
                {name = "ue_identity", label = "UE identity", filter = "net4ai.rrc.setup.ue_identity", type = "uint64", base = "HEX", doc = "The identity of the request."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "c_rnti", label = "C-RNTI", filter = "net4ai.rrc.setup.c_rnti", type = "uint16", minimum = 1, maximum = 65535, doc = "Radio identity of the UE in this cell."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "bulk_port", label = "Bulk port", filter = "net4ai.rrc.setup.bulk_port", type = "uint16", minimum = 1, maximum = 65535, doc = "UDP port of the RAN node's bulk socket."},
              },
            },
          },
        },
        [3] = {
          name = "RRC Setup Complete",
          bearer = "SRB1",
          direction = "up",
          before_security = true,
          doc = "The UE is connected; carries its first NAS message.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.rrc.setup_complete.transaction", type = "uint8", minimum = 0, maximum = 3, doc = "RRC transaction identifier."},
              },
            },
            {kind = "octets", name = "nas", label = "NAS", filter = "net4ai.rrc.setup_complete.nas", length_size = 2, maximum = 16384, doc = "NAS message.", content = "nas"},
          },
        },
        [4] = {
          name = "RRC Reject",
          bearer = "SRB0",
          direction = "down",
          before_security = true,
          doc = "The RAN node refuses the connection.",
          parts = {
            {
              kind = "word",
              size = 8,
              fields = {
                {name = "ue_identity", label = "UE identity", filter = "net4ai.rrc.reject.ue_identity", type = "uint64", base = "HEX", doc = "The identity of the request."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "wait_time", label = "Wait time", filter = "net4ai.rrc.reject.wait_time", type = "uint16", doc = "Milliseconds before the UE may ask again."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.rrc.reject.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [5] = {
          name = "RRC Reconfiguration",
          bearer = "SRB1",
          direction = "down",
          before_security = false,
          doc = "Computing radio bearers and DEP sessions to add, renew or release. Taken as a whole or refused as a whole.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.rrc.reconfiguration.transaction", type = "uint8", minimum = 0, maximum = 3, doc = "RRC transaction identifier."},
              },
            },
            {
              kind = "list",
              name = "bearers",
              label = "Bearers",
              filter = "net4ai.rrc.reconfiguration.bearers",
              count_size = 1,
              maximum = 32,
              doc = "Computing radio bearers to add or change.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "bearer", label = "Bearer", filter = "net4ai.rrc.reconfiguration.bearers.bearer", type = "uint8", minimum = 1, maximum = 32, doc = "Identity of the bearer."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "mode", label = "Mode", filter = "net4ai.rrc.reconfiguration.bearers.mode", type = "uint8", codes = "BearerMode", doc = "Acknowledged or not."},
                  },
                },
                {
                  kind = "nested",
                  name = "qos",
                  label = "QoS",
                  filter = "net4ai.rrc.reconfiguration.bearers.qos",
                  doc = "Quality of service.",
                  parts = {
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "five_qi", label = "5QI", filter = "net4ai.rrc.reconfiguration.bearers.qos.five_qi", type = "uint8", minimum = 1, maximum = 255, doc = "5QI; 128 to 254 are operator classes."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "priority", label = "Priority", filter = "net4ai.rrc.reconfiguration.bearers.qos.priority", type = "uint8", minimum = 1, maximum = 255, doc = "Scheduling priority, lower first."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "prioritised_bit_rate", label = "Prioritised bit rate", filter = "net4ai.rrc.reconfiguration.bearers.qos.prioritised_bit_rate", type = "uint32", doc = "Prioritised bit rate in kilobyte per second; 0: none."},
                      },
                    },
                    {
                      kind = "word",
                      size = 2,
                      fields = {
                        {name = "bucket_size", label = "Bucket size", filter = "net4ai.rrc.reconfiguration.bearers.qos.bucket_size", type = "uint16", doc = "Bucket size duration in milliseconds."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "guaranteed_bit_rate", label = "Guaranteed bit rate", filter = "net4ai.rrc.reconfiguration.bearers.qos.guaranteed_bit_rate", type = "uint32", doc = "Guaranteed flow bit rate (GFBR) in each direction, in kilobit per second; 0: none."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "maximum_bit_rate", label = "Maximum bit rate", filter = "net4ai.rrc.reconfiguration.bearers.qos.maximum_bit_rate", type = "uint32", doc = "Maximum flow bit rate (MFBR) in each direction, in kilobit per second; 0: none."},
                      },
                    },
                  },
                },
              },
            },
            {kind = "octets", name = "released_bearers", label = "Released bearers", filter = "net4ai.rrc.reconfiguration.released_bearers", length_size = 1, maximum = 32, doc = "Identities of bearers to release, one octet each."},
            {
              kind = "list",
              name = "sessions",
              label = "Sessions",
              filter = "net4ai.rrc.reconfiguration.sessions",
              count_size = 1,
              maximum = 32,
              doc = "DEP sessions to add or renew.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "session", label = "Session", filter = "net4ai.rrc.reconfiguration.sessions.session", type = "uint8", minimum = 0, maximum = 31, shared = "session", doc = "Identity of the session at this UE."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "dep_version", label = "DEP version", filter = "net4ai.rrc.reconfiguration.sessions.dep_version", type = "uint8", minimum = 1, maximum = 15, doc = "DEP version of the session."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "handle", label = "Handle", filter = "net4ai.rrc.reconfiguration.sessions.handle", type = "uint32", base = "HEX", minimum = 1, maximum = 4294967295, shared = "handle", doc = "Handle for PDUs towards the sender of this message."},
                  },
                },
                {
                  kind = "nested",
                  name = "limits",
                  label = "Limits",
                  filter = "net4ai.rrc.reconfiguration.sessions.limits",
                  doc = "What the sender permits.",
                  parts = {
                    {
                      kind = "word",
                      size = 2,
                      fields = {
                        {name = "segment_size", label = "Segment size", filter = "net4ai.rrc.reconfiguration.sessions.limits.segment_size", type = "uint16", minimum = 64, maximum = 60000, doc = "Payload octets of every DATA but the last of a message."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "unscheduled", label = "Unscheduled", filter = "net4ai.rrc.reconfiguration.sessions.limits.unscheduled", type = "uint32", doc = "Octets that may be under way without GRANT, of all messages together."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "maximum_message", label = "Maximum message", filter = "net4ai.rrc.reconfiguration.sessions.limits.maximum_message", type = "uint32", minimum = 64, maximum = 4294967295, doc = "Largest message, in octets."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "maximum_open", label = "Maximum open", filter = "net4ai.rrc.reconfiguration.sessions.limits.maximum_open", type = "uint8", minimum = 1, maximum = 255, doc = "Messages under way at a time, per direction."},
                      },
                    },
                  },
                },
                {
                  kind = "list",
                  name = "flows",
                  label = "Flows",
                  filter = "net4ai.rrc.reconfiguration.sessions.flows",
                  count_size = 1,
                  maximum = 16,
                  doc = "QoS flows and their bearers.",
                  parts = {
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "qfi", label = "QFI", filter = "net4ai.rrc.reconfiguration.sessions.flows.qfi", type = "uint8", minimum = 0, maximum = 63, doc = "QoS flow identifier."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "bearer", label = "Bearer", filter = "net4ai.rrc.reconfiguration.sessions.flows.bearer", type = "uint8", minimum = 1, maximum = 63, doc = "Computing radio bearer (on T4 and T8: 1)."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "reliable", label = "Reliable", filter = "net4ai.rrc.reconfiguration.sessions.flows.reliable", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "Lost octets are sent again."},
                        {name = "ordered", label = "Ordered", filter = "net4ai.rrc.reconfiguration.sessions.flows.ordered", type = "bool", mask = 64, divisor = 64, modulus = 2, doc = "Messages are delivered in the order they were sent."},
                        {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.rrc.reconfiguration.sessions.flows.reserved_flags", type = "uint8", mask = 63, divisor = 1, modulus = 64, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
                      },
                    },
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "maximum_bit_rate", label = "Maximum bit rate", filter = "net4ai.rrc.reconfiguration.sessions.maximum_bit_rate", type = "uint32", doc = "Session AMBR: of all its flows without a guaranteed bit rate, in each direction, in kilobit per second; 0: none."},
                  },
                },
              },
            },
            {
              kind = "list",
              name = "released_sessions",
              label = "Released sessions",
              filter = "net4ai.rrc.reconfiguration.released_sessions",
              count_size = 1,
              maximum = 32,
              doc = "DEP sessions to release.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "session", label = "Session", filter = "net4ai.rrc.reconfiguration.released_sessions.session", type = "uint8", minimum = 0, maximum = 31, shared = "session", doc = "Identity of the session at this UE."},
                  },
                },
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "cause", label = "Cause", filter = "net4ai.rrc.reconfiguration.released_sessions.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
                  },
                },
              },
            },
            {
              kind = "list",
              name = "measurements",
              label = "Measurements",
              filter = "net4ai.rrc.reconfiguration.measurements",
              count_size = 1,
              maximum = 8,
              doc = "Measurements to add or change.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "measurement", label = "Measurement", filter = "net4ai.rrc.reconfiguration.measurements.measurement", type = "uint8", minimum = 1, maximum = 64, doc = "Identity of the measurement."},
                  },
                },
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "interval", label = "Interval", filter = "net4ai.rrc.reconfiguration.measurements.interval", type = "uint16", minimum = 40, maximum = 65535, doc = "Milliseconds between reports."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "amount", label = "Amount", filter = "net4ai.rrc.reconfiguration.measurements.amount", type = "uint8", doc = "Number of reports; 0: without end."},
                  },
                },
              },
            },
            {kind = "octets", name = "released_measurements", label = "Released measurements", filter = "net4ai.rrc.reconfiguration.released_measurements", length_size = 1, maximum = 8, doc = "Identities of measurements to end, one octet each."},
            {
              kind = "list",
              name = "synchronisation",
              label = "Synchronisation",
              filter = "net4ai.rrc.reconfiguration.synchronisation",
              count_size = 1,
              maximum = 1,
              doc = "Handover: the cell to go on in.",
              parts = {
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "cell", label = "Cell", filter = "net4ai.rrc.reconfiguration.synchronisation.cell", type = "uint16", minimum = 0, maximum = 1007, doc = "Physical cell identity of the target."},
                  },
                },
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "c_rnti", label = "C-RNTI", filter = "net4ai.rrc.reconfiguration.synchronisation.c_rnti", type = "uint16", minimum = 1, maximum = 65535, doc = "Radio identity of the UE in the target cell."},
                  },
                },
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "bulk_port", label = "Bulk port", filter = "net4ai.rrc.reconfiguration.synchronisation.bulk_port", type = "uint16", minimum = 1, maximum = 65535, doc = "UDP port of the target's bulk socket."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "next_hop_chaining_count", label = "Next hop chaining count", filter = "net4ai.rrc.reconfiguration.synchronisation.next_hop_chaining_count", type = "uint8", minimum = 0, maximum = 7, doc = "Of the target's key."},
                  },
                },
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "t304", label = "T304", filter = "net4ai.rrc.reconfiguration.synchronisation.t304", type = "uint16", minimum = 50, maximum = 10000, doc = "Milliseconds in which the UE must have arrived."},
                  },
                },
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ue_maximum_bit_rate", label = "Ue maximum bit rate", filter = "net4ai.rrc.reconfiguration.ue_maximum_bit_rate", type = "uint32", doc = "UE AMBR: of all flows of the UE without a guaranteed bit rate, in each direction, in kilobit per second; 0: none."},
              },
            },
            {
              kind = "list",
              name = "data_bearers",
              label = "Data bearers",
              filter = "net4ai.rrc.reconfiguration.data_bearers",
              count_size = 1,
              maximum = 32,
              doc = "Data radio bearers to add.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "bearer", label = "Bearer", filter = "net4ai.rrc.reconfiguration.data_bearers.bearer", type = "uint8", minimum = 1, maximum = 32, doc = "Identity of the data radio bearer."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "session", label = "Session", filter = "net4ai.rrc.reconfiguration.data_bearers.session", type = "uint8", minimum = 0, maximum = 31, shared = "session", doc = "Identity of its PDU session."},
                  },
                },
                {kind = "octets", name = "flows", label = "Flows", filter = "net4ai.rrc.reconfiguration.data_bearers.flows", length_size = 1, maximum = 8, doc = "QoS flows mapped to it, one octet each; the first is the default."},
              },
            },
            {kind = "octets", name = "released_data_bearers", label = "Released data bearers", filter = "net4ai.rrc.reconfiguration.released_data_bearers", length_size = 1, maximum = 32, doc = "Identities of data radio bearers to release, one octet each."},
          },
        },
        [6] = {
          name = "RRC Reconfiguration Complete",
          bearer = "SRB1",
          direction = "up",
          before_security = false,
          doc = "The UE has taken the configuration; its own handles for the sessions added or renewed.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.rrc.reconfiguration_complete.transaction", type = "uint8", minimum = 0, maximum = 3, doc = "RRC transaction identifier."},
              },
            },
            {
              kind = "list",
              name = "sessions",
              label = "Sessions",
              filter = "net4ai.rrc.reconfiguration_complete.sessions",
              count_size = 1,
              maximum = 32,
              doc = "The UE's handles.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "session", label = "Session", filter = "net4ai.rrc.reconfiguration_complete.sessions.session", type = "uint8", minimum = 0, maximum = 31, shared = "session", doc = "Identity of the session at this UE."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "handle", label = "Handle", filter = "net4ai.rrc.reconfiguration_complete.sessions.handle", type = "uint32", base = "HEX", minimum = 1, maximum = 4294967295, shared = "handle", doc = "Handle for PDUs towards the sender of this message."},
                  },
                },
                {
                  kind = "nested",
                  name = "limits",
                  label = "Limits",
                  filter = "net4ai.rrc.reconfiguration_complete.sessions.limits",
                  doc = "What the sender permits.",
                  parts = {
                    {
                      kind = "word",
                      size = 2,
                      fields = {
                        {name = "segment_size", label = "Segment size", filter = "net4ai.rrc.reconfiguration_complete.sessions.limits.segment_size", type = "uint16", minimum = 64, maximum = 60000, doc = "Payload octets of every DATA but the last of a message."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "unscheduled", label = "Unscheduled", filter = "net4ai.rrc.reconfiguration_complete.sessions.limits.unscheduled", type = "uint32", doc = "Octets that may be under way without GRANT, of all messages together."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "maximum_message", label = "Maximum message", filter = "net4ai.rrc.reconfiguration_complete.sessions.limits.maximum_message", type = "uint32", minimum = 64, maximum = 4294967295, doc = "Largest message, in octets."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "maximum_open", label = "Maximum open", filter = "net4ai.rrc.reconfiguration_complete.sessions.limits.maximum_open", type = "uint8", minimum = 1, maximum = 255, doc = "Messages under way at a time, per direction."},
                      },
                    },
                  },
                },
              },
            },
          },
        },
        [7] = {
          name = "RRC Reconfiguration Failure",
          bearer = "SRB1",
          direction = "up",
          before_security = false,
          doc = "The UE has taken nothing of the configuration.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.rrc.reconfiguration_failure.transaction", type = "uint8", minimum = 0, maximum = 3, doc = "RRC transaction identifier."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.rrc.reconfiguration_failure.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [8] = {
          name = "DL Information Transfer",
          bearer = "SRB1",
          direction = "down",
          before_security = true,
          doc = "A NAS message for the UE.",
          parts = {
            {kind = "octets", name = "nas", label = "NAS", filter = "net4ai.rrc.downlink_information_transfer.nas", length_size = 2, maximum = 16384, doc = "NAS message.", content = "nas"},
          },
        },
        [9] = {
          name = "UL Information Transfer",
          bearer = "SRB1",
          direction = "up",
          before_security = true,
          doc = "A NAS message for the core.",
          parts = {
            {kind = "octets", name = "nas", label = "NAS", filter = "net4ai.rrc.uplink_information_transfer.nas", length_size = 2, maximum = 16384, doc = "NAS message.", content = "nas"},
          },
        },
        [10] = {
          name = "RRC Release",
          bearer = "SRB1",
          direction = "down",
          before_security = true,
          doc = "The connection ends: the UE frees all bearers and sessions.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.rrc.release.transaction", type = "uint8", minimum = 0, maximum = 3, doc = "RRC transaction identifier."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.rrc.release.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [11] = {
          name = "Security Mode Command",
          bearer = "SRB1",
          direction = "down",
          before_security = false,
          doc = "Starts security: integrity protected with the new key, not yet enciphered.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.rrc.security_mode_command.transaction", type = "uint8", minimum = 0, maximum = 3, doc = "RRC transaction identifier."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "integrity", label = "Integrity", filter = "net4ai.rrc.security_mode_command.integrity", type = "uint8", codes = "IntegrityAlgorithm", doc = "Integrity algorithm."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "ciphering", label = "Ciphering", filter = "net4ai.rrc.security_mode_command.ciphering", type = "uint8", codes = "CipheringAlgorithm", doc = "Ciphering algorithm."},
              },
            },
          },
        },
        [12] = {
          name = "Security Mode Complete",
          bearer = "SRB1",
          direction = "up",
          before_security = false,
          doc = "Security is on: integrity protected, not yet enciphered; all that follows is both.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.rrc.security_mode_complete.transaction", type = "uint8", minimum = 0, maximum = 3, doc = "RRC transaction identifier."},
              },
            },
          },
        },
        [13] = {
          name = "Security Mode Failure",
          bearer = "SRB1",
          direction = "up",
          before_security = true,
          doc = "The command is not authentic, or asks for what the UE cannot do. Nothing has changed.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.rrc.security_mode_failure.transaction", type = "uint8", minimum = 0, maximum = 3, doc = "RRC transaction identifier."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.rrc.security_mode_failure.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [14] = {
          name = "RRC Re-establishment Request",
          bearer = "SRB0",
          direction = "up",
          before_security = true,
          doc = "A UE whose radio link has failed wants to go on with its context.",
          parts = {
            {
              kind = "word",
              size = 8,
              fields = {
                {name = "ue_identity", label = "UE identity", filter = "net4ai.rrc.reestablishment_request.ue_identity", type = "uint64", base = "HEX", doc = "Random number the UE recognises a Setup or Reject by."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cell", label = "Cell", filter = "net4ai.rrc.reestablishment_request.cell", type = "uint16", minimum = 0, maximum = 1007, doc = "Physical cell identity of the cell it was connected to."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "c_rnti", label = "C-RNTI", filter = "net4ai.rrc.reestablishment_request.c_rnti", type = "uint16", minimum = 1, maximum = 65535, doc = "Its radio identity there."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "short_mac", label = "Short MAC-I", filter = "net4ai.rrc.reestablishment_request.short_mac", type = "uint16", base = "HEX", doc = "Low 16 bits of a MAC-I over these three (5.3.7.4)."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.rrc.reestablishment_request.cause", type = "uint8", codes = "ReestablishmentCause", doc = "Re-establishment cause."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "bulk_port", label = "Bulk port", filter = "net4ai.rrc.reestablishment_request.bulk_port", type = "uint16", minimum = 1, maximum = 65535, doc = "UDP port of the UE's bulk socket."},
              },
            },
          },
        },
        [15] = {
          name = "RRC Re-establishment",
          bearer = "SRB1",
          direction = "down",
          before_security = false,
          doc = "First PDU of a fresh SRB1 of the same C-RNTI, integrity protected with the next key, not enciphered.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.rrc.reestablishment.transaction", type = "uint8", minimum = 0, maximum = 3, doc = "RRC transaction identifier."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "next_hop_chaining_count", label = "Next hop chaining count", filter = "net4ai.rrc.reestablishment.next_hop_chaining_count", type = "uint8", minimum = 0, maximum = 7, doc = "Of the next key."},
              },
            },
          },
        },
        [16] = {
          name = "RRC Re-establishment Complete",
          bearer = "SRB1",
          direction = "up",
          before_security = false,
          doc = "The UE goes on. Bearers, sessions and measurements are as before; what was under way is sent again by DEP.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.rrc.reestablishment_complete.transaction", type = "uint8", minimum = 0, maximum = 3, doc = "RRC transaction identifier."},
              },
            },
          },
        },
        [17] = {
          name = "Measurement Report",
          bearer = "SRB1",
          direction = "up",
          before_security = false,
          doc = "What a UE hears, the serving cell first.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "measurement", label = "Measurement", filter = "net4ai.rrc.measurement_report.measurement", type = "uint8", minimum = 1, maximum = 64, doc = "Identity of the measurement."},
              },
            },
            {
              kind = "list",
              name = "cells",
              label = "Cells",
              filter = "net4ai.rrc.measurement_report.cells",
              count_size = 1,
              maximum = 8,
              doc = "The cells.",
              parts = {
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "cell", label = "Cell", filter = "net4ai.rrc.measurement_report.cells.cell", type = "uint16", minimum = 0, maximum = 1007, doc = "Physical cell identity."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "rsrp", label = "RSRP", filter = "net4ai.rrc.measurement_report.cells.rsrp", type = "uint8", minimum = 0, maximum = 127, doc = "Reference signal received power: -157 dBm + index."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "rsrq", label = "RSRQ", filter = "net4ai.rrc.measurement_report.cells.rsrq", type = "uint8", minimum = 0, maximum = 127, doc = "Reference signal received quality: -43.5 dB + index / 2."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "sinr", label = "SINR", filter = "net4ai.rrc.measurement_report.cells.sinr", type = "uint8", minimum = 0, maximum = 127, doc = "Signal to noise and interference ratio: -23.5 dB + index / 2."},
                  },
                },
              },
            },
          },
        },
        [18] = {
          name = "Paging",
          bearer = "SRB0",
          direction = "down",
          before_security = true,
          doc = "To every UE camping in the cell: the core looks for these.",
          parts = {
            {
              kind = "list",
              name = "records",
              label = "Records",
              filter = "net4ai.rrc.paging.records",
              count_size = 1,
              maximum = 32,
              doc = "The UEs.",
              parts = {
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "temporary_identity", label = "Temporary identity", filter = "net4ai.rrc.paging.records.temporary_identity", type = "uint32", base = "HEX", doc = "Temporary identity given at registration."},
                  },
                },
              },
            },
          },
        },
        [19] = {
          name = "System Information Request",
          bearer = "SRB0",
          direction = "up",
          before_security = true,
          doc = "A UE process camps: it wants to hear the cell. UDP has no broadcast without set-up; this is its substitute.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "version", label = "Version", filter = "net4ai.rrc.system_information_request.version", type = "uint8", minimum = 1, maximum = 1, doc = "Version of these messages."},
              },
            },
          },
        },
        [20] = {
          name = "System Information",
          bearer = "SRB0",
          direction = "down",
          before_security = true,
          doc = "The cell, sent periodically to whoever camps in it: hearing it is being in synchrony.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "version", label = "Version", filter = "net4ai.rrc.system_information.version", type = "uint8", minimum = 1, maximum = 1, doc = "Version of these messages."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cell", label = "Cell", filter = "net4ai.rrc.system_information.cell", type = "uint16", minimum = 0, maximum = 1007, doc = "Physical cell identity."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "period", label = "Period", filter = "net4ai.rrc.system_information.period", type = "uint16", minimum = 20, maximum = 65535, doc = "Milliseconds between two of these messages."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "barred", label = "Barred", filter = "net4ai.rrc.system_information.barred", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "No UE may connect."},
                {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.rrc.system_information.reserved_flags", type = "uint8", mask = 127, divisor = 1, modulus = 128, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
              },
            },
          },
        },
        [21] = {
          name = "Channel Quality Report",
          bearer = "SRB1",
          direction = "up",
          before_security = false,
          doc = "How well the UE can be sent to. In NR these are bits of uplink control information on the PUCCH; here it is a message, and nobody answers it.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "cqi", label = "Cqi", filter = "net4ai.rrc.channel_quality_report.cqi", type = "uint8", minimum = 0, maximum = 15, doc = "Channel quality indicator, of table 5.2.2.1-2; 0: out of range."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "rate", label = "Rate", filter = "net4ai.rrc.channel_quality_report.rate", type = "uint32", doc = "What that gives with the UE's bandwidth, in kbit/s; 0: not limited, or out of range."},
              },
            },
          },
        },
      },
    },
    nas = {
      name = "NAS",
      doc = "NAS-like messages between UE and access manager.",
      filter = "net4ai.nas",
      messages = {
        [65] = {
          name = "Registration Request",
          bearer = "NAS",
          direction = "up",
          before_security = true,
          doc = "A terminal registers.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "type", label = "Type", filter = "net4ai.nas.registration_request.type", type = "uint8", codes = "RegistrationType", doc = "Registration type."},
              },
            },
            {
              kind = "nested",
              name = "versions",
              label = "Versions",
              filter = "net4ai.nas.registration_request.versions",
              doc = "Versions the UE can speak.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "lowest", label = "Lowest", filter = "net4ai.nas.registration_request.versions.lowest", type = "uint8", minimum = 1, maximum = 255, doc = "Lowest version."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "highest", label = "Highest", filter = "net4ai.nas.registration_request.versions.highest", type = "uint8", minimum = 1, maximum = 255, doc = "Highest version."},
                  },
                },
              },
            },
            {
              kind = "nested",
              name = "capabilities",
              label = "Capabilities",
              filter = "net4ai.nas.registration_request.capabilities",
              doc = "Security capabilities of the UE.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "integrity", label = "Integrity", filter = "net4ai.nas.registration_request.capabilities.integrity", type = "uint8", base = "HEX", doc = "Integrity algorithms: 0x80 NIA0, 0x20 NIA2."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "ciphering", label = "Ciphering", filter = "net4ai.nas.registration_request.capabilities.ciphering", type = "uint8", base = "HEX", doc = "Ciphering algorithms: 0x80 NEA0, 0x20 NEA2."},
                  },
                },
              },
            },
            {kind = "text", name = "identity", label = "Identity", filter = "net4ai.nas.registration_request.identity", length_size = 1, maximum = 64, doc = "Subscription identity; not concealed yet."},
          },
        },
        [66] = {
          name = "Registration Accept",
          bearer = "NAS",
          direction = "down",
          before_security = false,
          doc = "The terminal is registered.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "version", label = "Version", filter = "net4ai.nas.registration_accept.version", type = "uint8", minimum = 1, maximum = 255, doc = "Version agreed on."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "temporary_identity", label = "Temporary identity", filter = "net4ai.nas.registration_accept.temporary_identity", type = "uint32", base = "HEX", doc = "Temporary identity, random."},
              },
            },
          },
        },
        [67] = {
          name = "Registration Complete",
          bearer = "NAS",
          direction = "up",
          before_security = false,
          doc = "The terminal has taken its temporary identity.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "temporary_identity", label = "Temporary identity", filter = "net4ai.nas.registration_complete.temporary_identity", type = "uint32", base = "HEX", doc = "The identity of the accept."},
              },
            },
          },
        },
        [68] = {
          name = "Registration Reject",
          bearer = "NAS",
          direction = "down",
          before_security = true,
          doc = "The terminal is not registered.",
          parts = {
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.nas.registration_reject.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
            {
              kind = "nested",
              name = "versions",
              label = "Versions",
              filter = "net4ai.nas.registration_reject.versions",
              doc = "Versions the core can speak.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "lowest", label = "Lowest", filter = "net4ai.nas.registration_reject.versions.lowest", type = "uint8", minimum = 1, maximum = 255, doc = "Lowest version."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "highest", label = "Highest", filter = "net4ai.nas.registration_reject.versions.highest", type = "uint8", minimum = 1, maximum = 255, doc = "Highest version."},
                  },
                },
              },
            },
          },
        },
        [69] = {
          name = "Deregistration Request (UE)",
          bearer = "NAS",
          direction = "up",
          before_security = false,
          doc = "The terminal leaves.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "switch_off", label = "Switch off", filter = "net4ai.nas.deregistration_request.switch_off", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "It is gone at once: no answer."},
                {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.nas.deregistration_request.reserved_flags", type = "uint8", mask = 127, divisor = 1, modulus = 128, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
              },
            },
          },
        },
        [70] = {
          name = "Deregistration Accept (UE)",
          bearer = "NAS",
          direction = "down",
          before_security = false,
          doc = "The terminal has left; its connection is released next.",
          parts = {},
        },
        [71] = {
          name = "Deregistration Request (network)",
          bearer = "NAS",
          direction = "down",
          before_security = false,
          doc = "The terminal must leave.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "register_again", label = "Register again", filter = "net4ai.nas.network_deregistration_request.register_again", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "It may register again at once."},
                {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.nas.network_deregistration_request.reserved_flags", type = "uint8", mask = 127, divisor = 1, modulus = 128, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.nas.network_deregistration_request.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [72] = {
          name = "Deregistration Accept (network)",
          bearer = "NAS",
          direction = "up",
          before_security = false,
          doc = "The terminal leaves.",
          parts = {},
        },
        [76] = {
          name = "Service Request",
          bearer = "NAS",
          direction = "up",
          before_security = false,
          doc = "A registered terminal without a connection wants one, or was paged. Integrity protected, never enciphered.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "type", label = "Type", filter = "net4ai.nas.service_request.type", type = "uint8", codes = "ServiceType", doc = "Service type."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "temporary_identity", label = "Temporary identity", filter = "net4ai.nas.service_request.temporary_identity", type = "uint32", base = "HEX", doc = "Temporary identity."},
              },
            },
          },
        },
        [77] = {
          name = "Service Reject",
          bearer = "NAS",
          direction = "down",
          before_security = true,
          doc = "The core does not know the terminal: it has to register.",
          parts = {
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.nas.service_reject.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [78] = {
          name = "Service Accept",
          bearer = "NAS",
          direction = "down",
          before_security = false,
          doc = "The terminal has its connection.",
          parts = {},
        },
        [86] = {
          name = "Authentication Request",
          bearer = "NAS",
          direction = "down",
          before_security = true,
          doc = "A challenge. A terminal without credentials answers Authentication Failure.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "key_set", label = "Key set", filter = "net4ai.nas.authentication_request.key_set", type = "uint8", minimum = 0, maximum = 6, doc = "Identifier of the key set to be made (ngKSI)."},
              },
            },
            {kind = "octets", name = "rand", label = "Rand", filter = "net4ai.nas.authentication_request.rand", length_size = 1, maximum = 16, doc = "Random challenge."},
            {kind = "octets", name = "autn", label = "Autn", filter = "net4ai.nas.authentication_request.autn", length_size = 1, maximum = 16, doc = "Authentication token."},
          },
        },
        [87] = {
          name = "Authentication Response",
          bearer = "NAS",
          direction = "up",
          before_security = true,
          doc = "The answer to the challenge.",
          parts = {
            {kind = "octets", name = "response", label = "Response", filter = "net4ai.nas.authentication_response.response", length_size = 1, maximum = 16, doc = "RES*."},
          },
        },
        [88] = {
          name = "Authentication Reject",
          bearer = "NAS",
          direction = "down",
          before_security = true,
          doc = "The terminal is not who it says.",
          parts = {},
        },
        [89] = {
          name = "Authentication Failure",
          bearer = "NAS",
          direction = "up",
          before_security = true,
          doc = "The terminal does not accept the challenge.",
          parts = {
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.nas.authentication_failure.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
            {kind = "octets", name = "auts", label = "Auts", filter = "net4ai.nas.authentication_failure.auts", length_size = 1, maximum = 14, doc = "Token to set sequence numbers right."},
          },
        },
        [93] = {
          name = "NAS Security Mode Command",
          bearer = "NAS",
          direction = "down",
          before_security = false,
          doc = "Starts NAS security: integrity protected with the new key, not enciphered.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "integrity", label = "Integrity", filter = "net4ai.nas.security_mode_command.integrity", type = "uint8", codes = "IntegrityAlgorithm", doc = "Integrity algorithm."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "ciphering", label = "Ciphering", filter = "net4ai.nas.security_mode_command.ciphering", type = "uint8", codes = "CipheringAlgorithm", doc = "Ciphering algorithm."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "key_set", label = "Key set", filter = "net4ai.nas.security_mode_command.key_set", type = "uint8", minimum = 0, maximum = 6, doc = "Identifier of the key set (ngKSI)."},
              },
            },
            {
              kind = "nested",
              name = "capabilities",
              label = "Capabilities",
              filter = "net4ai.nas.security_mode_command.capabilities",
              doc = "The UE's own, as they arrived.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "integrity", label = "Integrity", filter = "net4ai.nas.security_mode_command.capabilities.integrity", type = "uint8", base = "HEX", doc = "Integrity algorithms: 0x80 NIA0, 0x20 NIA2."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "ciphering", label = "Ciphering", filter = "net4ai.nas.security_mode_command.capabilities.ciphering", type = "uint8", base = "HEX", doc = "Ciphering algorithms: 0x80 NEA0, 0x20 NEA2."},
                  },
                },
              },
            },
          },
        },
        [94] = {
          name = "NAS Security Mode Complete",
          bearer = "NAS",
          direction = "up",
          before_security = false,
          doc = "NAS security is on.",
          parts = {},
        },
        [95] = {
          name = "NAS Security Mode Reject",
          bearer = "NAS",
          direction = "up",
          before_security = true,
          doc = "The command is not taken.",
          parts = {
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.nas.security_mode_reject.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [100] = {
          name = "NAS Status",
          bearer = "NAS",
          direction = "both",
          before_security = false,
          doc = "A message could not be taken. Never sent in answer to Status; rate-limited.",
          parts = {
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.nas.status.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "message_type", label = "Message type", filter = "net4ai.nas.status.message_type", type = "uint8", base = "HEX", doc = "Message type of the message."},
              },
            },
          },
        },
        [126] = {
          name = "Security Protected NAS Message",
          bearer = "NAS",
          direction = "both",
          before_security = true,
          doc = "Another NAS message with its protection. The full COUNT is on the wire (TS 24.501 sends its low 8 bits).",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "security_header", label = "Security header", filter = "net4ai.nas.protected.security_header", type = "uint8", codes = "SecurityHeaderType", doc = "How the message is protected."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "mac", label = "MAC-I", filter = "net4ai.nas.protected.mac", type = "uint32", base = "HEX", doc = "MAC-I over COUNT and message, as they are here."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "count", label = "COUNT", filter = "net4ai.nas.protected.count", type = "uint32", doc = "NAS COUNT of this direction."},
              },
            },
            {kind = "octets", name = "message", label = "Message", filter = "net4ai.nas.protected.message", length_size = 0, maximum = 16384, doc = "The message, perhaps enciphered."},
          },
        },
        [128] = {
          name = "Job List",
          bearer = "NAS",
          direction = "down",
          before_security = false,
          doc = "Jobs on offer; taking part is voluntary.",
          parts = {
            {
              kind = "list",
              name = "jobs",
              label = "Jobs",
              filter = "net4ai.nas.job_list.jobs",
              count_size = 1,
              maximum = 32,
              doc = "The jobs.",
              parts = {
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "job", label = "Job", filter = "net4ai.nas.job_list.jobs.job", type = "uint32", shared = "job", doc = "Number of the job."},
                  },
                },
                {kind = "text", name = "service", label = "Service", filter = "net4ai.nas.job_list.jobs.service", length_size = 1, maximum = 64, doc = "Name of the service."},
                {kind = "text", name = "purpose", label = "Purpose", filter = "net4ai.nas.job_list.jobs.purpose", length_size = 1, maximum = 200, doc = "What the data is used for, for the person who decides."},
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "k", label = "K", filter = "net4ai.nas.job_list.jobs.k", type = "uint16", minimum = 1, maximum = 65535, doc = "Smallest number of clients the service promises per server (R82)."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "raw_data", label = "Raw data", filter = "net4ai.nas.job_list.jobs.raw_data", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "The service may ask for raw data (bottom split)."},
                    {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.nas.job_list.jobs.reserved_flags", type = "uint8", mask = 127, divisor = 1, modulus = 128, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
                  },
                },
              },
            },
          },
        },
        [129] = {
          name = "Consent",
          bearer = "NAS",
          direction = "up",
          before_security = false,
          doc = "The terminal agrees, or not, to contribute to a job.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "job", label = "Job", filter = "net4ai.nas.consent.job", type = "uint32", shared = "job", doc = "Number of the job."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "given", label = "Given", filter = "net4ai.nas.consent.given", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "Agrees."},
                {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.nas.consent.reserved_flags", type = "uint8", mask = 127, divisor = 1, modulus = 128, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
              },
            },
            {
              kind = "nested",
              name = "status",
              label = "Status",
              filter = "net4ai.nas.consent.status",
              doc = "Status.",
              parts = {
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "compute", label = "Compute", filter = "net4ai.nas.consent.status.compute", type = "uint32", doc = "Compute power in MFLOP/s."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "memory", label = "Memory", filter = "net4ai.nas.consent.status.memory", type = "uint32", doc = "Free memory in MiB."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "battery", label = "Battery", filter = "net4ai.nas.consent.status.battery", type = "uint8", minimum = 0, maximum = 100, doc = "Charge in percent."},
                  },
                },
              },
            },
            {
              kind = "nested",
              name = "privacy",
              label = "Privacy",
              filter = "net4ai.nas.consent.privacy",
              doc = "Privacy requirement.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "raw_data", label = "Raw data", filter = "net4ai.nas.consent.privacy.raw_data", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "Willing to give raw data."},
                    {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.nas.consent.privacy.reserved_flags", type = "uint8", mask = 127, divisor = 1, modulus = 128, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
                  },
                },
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "k", label = "K", filter = "net4ai.nas.consent.privacy.k", type = "uint16", doc = "Smallest number of clients it wants to be among; 0: no demand of its own."},
                  },
                },
              },
            },
          },
        },
        [130] = {
          name = "Computing Request",
          bearer = "NAS",
          direction = "up",
          before_security = false,
          doc = "The terminal asks for a DEP session to a job's functions.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.nas.computing_request.transaction", type = "uint8", doc = "Procedure transaction identity of the UE."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "job", label = "Job", filter = "net4ai.nas.computing_request.job", type = "uint32", shared = "job", doc = "Number of the job."},
              },
            },
          },
        },
        [131] = {
          name = "Computing Accept",
          bearer = "NAS",
          direction = "down",
          before_security = false,
          doc = "The session is set up and mapped to its bearers.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.nas.computing_accept.transaction", type = "uint8", doc = "Procedure transaction identity of the request."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "session", label = "Session", filter = "net4ai.nas.computing_accept.session", type = "uint8", minimum = 0, maximum = 31, shared = "session", doc = "Identity of the DEP session."},
              },
            },
          },
        },
        [132] = {
          name = "Computing Reject",
          bearer = "NAS",
          direction = "down",
          before_security = false,
          doc = "No session, no bearer.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.nas.computing_reject.transaction", type = "uint8", doc = "Procedure transaction identity of the request."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.nas.computing_reject.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [136] = {
          name = "Routine Invite",
          bearer = "NAS",
          direction = "down",
          before_security = false,
          doc = "The terminal is invited as a client of a routine. First of two phases: nothing starts yet.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.nas.routine_invite.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "session", label = "Session", filter = "net4ai.nas.routine_invite.session", type = "uint8", minimum = 0, maximum = 31, shared = "session", doc = "DEP session the routine will use."},
              },
            },
            {kind = "text", name = "function", label = "Function", filter = "net4ai.nas.routine_invite.function", length_size = 1, maximum = 64, doc = "Service function to run (R65)."},
            {kind = "text", name = "routine", label = "Routine", filter = "net4ai.nas.routine_invite.routine", length_size = 1, maximum = 64, doc = "Name of the routine."},
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "round", label = "Round", filter = "net4ai.nas.routine_invite.round", type = "uint32", doc = "How often the task was run before."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "cut", label = "Cut", filter = "net4ai.nas.routine_invite.cut", type = "uint8", doc = "Split layer (R64)."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "seat", label = "Seat", filter = "net4ai.nas.routine_invite.seat", type = "uint16", shared = "seat", doc = "Seat at the server."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "sequential", label = "Sequential", filter = "net4ai.nas.routine_invite.sequential", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "Turns come one after another (R79)."},
                {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.nas.routine_invite.reserved_flags", type = "uint8", mask = 127, divisor = 1, modulus = 128, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
              },
            },
            {kind = "octets", name = "settings", label = "Settings", filter = "net4ai.nas.routine_invite.settings", length_size = 2, maximum = 8192, doc = "Settings of the function, JSON.", content = "json"},
            {kind = "octets", name = "key", label = "Key", filter = "net4ai.nas.routine_invite.key", length_size = 2, maximum = 1024, doc = "Key material of the server, opaque (R88)."},
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "qfi", label = "QFI", filter = "net4ai.nas.routine_invite.qfi", type = "uint8", doc = "QoS flow the function sends on."},
              },
            },
          },
        },
        [137] = {
          name = "Routine Accept",
          bearer = "NAS",
          direction = "up",
          before_security = false,
          doc = "The terminal takes part in the execution.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.nas.routine_accept.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {kind = "octets", name = "key", label = "Key", filter = "net4ai.nas.routine_accept.key", length_size = 2, maximum = 1024, doc = "Key material of the client, opaque (R88)."},
          },
        },
        [138] = {
          name = "Routine Reject",
          bearer = "NAS",
          direction = "up",
          before_security = false,
          doc = "The terminal does not take part in the execution.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.nas.routine_reject.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.nas.routine_reject.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [139] = {
          name = "Routine Start",
          bearer = "NAS",
          direction = "down",
          before_security = false,
          doc = "Second phase: the terminal's turn begins, its route is configured.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.nas.routine_start.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "turn", label = "Turn", filter = "net4ai.nas.routine_start.turn", type = "uint32", shared = "turn", doc = "Number of the turn."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "repetition", label = "Repetition", filter = "net4ai.nas.routine_start.repetition", type = "uint16", doc = "How often the execution was restarted."},
              },
            },
          },
        },
        [140] = {
          name = "Routine Done",
          bearer = "NAS",
          direction = "up",
          before_security = false,
          doc = "The terminal's turn has ended.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.nas.routine_done.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "turn", label = "Turn", filter = "net4ai.nas.routine_done.turn", type = "uint32", shared = "turn", doc = "Number of the turn."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.nas.routine_done.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "How: NORMAL, or what went wrong."},
              },
            },
          },
        },
        [141] = {
          name = "Routine Complete",
          bearer = "NAS",
          direction = "down",
          before_security = false,
          doc = "The execution is over; the terminal frees what belongs to it.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.nas.routine_complete.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.nas.routine_complete.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "How it ended."},
              },
            },
          },
        },
        [194] = {
          name = "PDU Session Establishment Accept",
          bearer = "NAS",
          direction = "down",
          before_security = false,
          doc = "The function is outside the RAN node: the answer to a Computing Request is a PDU session, and where to attach.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.nas.pdu_session_accept.transaction", type = "uint8", doc = "Procedure transaction identity of the request."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "session", label = "Session", filter = "net4ai.nas.pdu_session_accept.session", type = "uint8", minimum = 0, maximum = 31, shared = "session", doc = "Identity of the PDU session."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "address", label = "Address", filter = "net4ai.nas.pdu_session_accept.address", type = "uint32", base = "HEX", doc = "IPv4 address of the terminal in this session."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "function", label = "Function", filter = "net4ai.nas.pdu_session_accept.function", type = "uint32", base = "HEX", doc = "IPv4 address of the forwarding function, for T2a."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "port", label = "Port", filter = "net4ai.nas.pdu_session_accept.port", type = "uint16", minimum = 1, maximum = 65535, doc = "Its UDP port of signalling."},
              },
            },
            {kind = "octets", name = "token", label = "Token", filter = "net4ai.nas.pdu_session_accept.token", length_size = 1, maximum = 32, doc = "Random; the name to attach under, of no other use."},
          },
        },
      },
    },
    n2 = {
      name = "N2",
      doc = "Messages between RAN node and access manager.",
      filter = "net4ai.n2",
      messages = {
        [1] = {
          name = "N2 Setup Request",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "A RAN node introduces itself.",
          parts = {
            {
              kind = "nested",
              name = "versions",
              label = "Versions",
              filter = "net4ai.n2.setup_request.versions",
              doc = "Versions the node can speak.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "lowest", label = "Lowest", filter = "net4ai.n2.setup_request.versions.lowest", type = "uint8", minimum = 1, maximum = 255, doc = "Lowest version."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "highest", label = "Highest", filter = "net4ai.n2.setup_request.versions.highest", type = "uint8", minimum = 1, maximum = 255, doc = "Highest version."},
                  },
                },
              },
            },
            {kind = "text", name = "node", label = "Node", filter = "net4ai.n2.setup_request.node", length_size = 1, maximum = 64, doc = "Name of the RAN node."},
          },
        },
        [2] = {
          name = "N2 Setup Response",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "The node is known from now on.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "version", label = "Version", filter = "net4ai.n2.setup_response.version", type = "uint8", minimum = 1, maximum = 255, doc = "Version agreed on."},
              },
            },
          },
        },
        [3] = {
          name = "N2 Setup Failure",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "The node is refused.",
          parts = {
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.n2.setup_failure.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
            {
              kind = "nested",
              name = "versions",
              label = "Versions",
              filter = "net4ai.n2.setup_failure.versions",
              doc = "Versions the core can speak.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "lowest", label = "Lowest", filter = "net4ai.n2.setup_failure.versions.lowest", type = "uint8", minimum = 1, maximum = 255, doc = "Lowest version."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "highest", label = "Highest", filter = "net4ai.n2.setup_failure.versions.highest", type = "uint8", minimum = 1, maximum = 255, doc = "Highest version."},
                  },
                },
              },
            },
          },
        },
        [4] = {
          name = "Initial UE Message",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "First NAS message of a UE.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.initial_ue_message.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {kind = "octets", name = "nas", label = "NAS", filter = "net4ai.n2.initial_ue_message.nas", length_size = 2, maximum = 16384, doc = "NAS message.", content = "nas"},
          },
        },
        [5] = {
          name = "Uplink NAS Transport",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "A NAS message for the access manager.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.uplink_nas_transport.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {kind = "octets", name = "nas", label = "NAS", filter = "net4ai.n2.uplink_nas_transport.nas", length_size = 2, maximum = 16384, doc = "NAS message.", content = "nas"},
          },
        },
        [6] = {
          name = "Downlink NAS Transport",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "A NAS message for a UE.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.downlink_nas_transport.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {kind = "octets", name = "nas", label = "NAS", filter = "net4ai.n2.downlink_nas_transport.nas", length_size = 2, maximum = 16384, doc = "NAS message.", content = "nas"},
          },
        },
        [7] = {
          name = "Session Setup Request",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "The RAN node shall set up a DEP session for a UE.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.session_setup_request.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.session_setup_request.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "job", label = "Job", filter = "net4ai.n2.session_setup_request.job", type = "uint32", shared = "job", doc = "Number of the job the session is for."},
              },
            },
            {
              kind = "list",
              name = "qos",
              label = "QoS",
              filter = "net4ai.n2.session_setup_request.qos",
              count_size = 1,
              maximum = 8,
              doc = "Wanted quality of service, one for each QoS flow.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "five_qi", label = "5QI", filter = "net4ai.n2.session_setup_request.qos.five_qi", type = "uint8", minimum = 1, maximum = 255, doc = "5QI; 128 to 254 are operator classes."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "priority", label = "Priority", filter = "net4ai.n2.session_setup_request.qos.priority", type = "uint8", minimum = 1, maximum = 255, doc = "Scheduling priority, lower first."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "prioritised_bit_rate", label = "Prioritised bit rate", filter = "net4ai.n2.session_setup_request.qos.prioritised_bit_rate", type = "uint32", doc = "Prioritised bit rate in kilobyte per second; 0: none."},
                  },
                },
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "bucket_size", label = "Bucket size", filter = "net4ai.n2.session_setup_request.qos.bucket_size", type = "uint16", doc = "Bucket size duration in milliseconds."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "guaranteed_bit_rate", label = "Guaranteed bit rate", filter = "net4ai.n2.session_setup_request.qos.guaranteed_bit_rate", type = "uint32", doc = "Guaranteed flow bit rate (GFBR) in each direction, in kilobit per second; 0: none."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "maximum_bit_rate", label = "Maximum bit rate", filter = "net4ai.n2.session_setup_request.qos.maximum_bit_rate", type = "uint32", doc = "Maximum flow bit rate (MFBR) in each direction, in kilobit per second; 0: none."},
                  },
                },
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "maximum_bit_rate", label = "Maximum bit rate", filter = "net4ai.n2.session_setup_request.maximum_bit_rate", type = "uint32", doc = "Session AMBR in kilobit per second; 0: none."},
              },
            },
          },
        },
        [8] = {
          name = "Session Setup Response",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "The session is set up, mapped to its bearers, and known to the UE.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.session_setup_response.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.session_setup_response.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "session", label = "Session", filter = "net4ai.n2.session_setup_response.session", type = "uint8", minimum = 0, maximum = 31, shared = "session", doc = "Identity of the session at the UE."},
              },
            },
          },
        },
        [9] = {
          name = "Session Setup Failure",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "No session, no bearer.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.session_setup_failure.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.session_setup_failure.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.n2.session_setup_failure.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [10] = {
          name = "UE Context Release Request",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "The RAN node has lost the UE.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.context_release_request.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.n2.context_release_request.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [11] = {
          name = "UE Context Release Command",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "The RAN node shall release the UE.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.context_release_command.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.n2.context_release_command.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [12] = {
          name = "UE Context Release Complete",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "The UE's context at the RAN node is gone.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.context_release_complete.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
          },
        },
        [13] = {
          name = "Initial Context Setup Request",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "The core vouches for the UE: the RAN node starts security, then delivers the NAS message.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.initial_context_setup_request.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {kind = "octets", name = "key", label = "Key", filter = "net4ai.n2.initial_context_setup_request.key", length_size = 1, maximum = 32, doc = "K_gNB, 32 octets."},
            {
              kind = "nested",
              name = "capabilities",
              label = "Capabilities",
              filter = "net4ai.n2.initial_context_setup_request.capabilities",
              doc = "Security capabilities of the UE.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "integrity", label = "Integrity", filter = "net4ai.n2.initial_context_setup_request.capabilities.integrity", type = "uint8", base = "HEX", doc = "Integrity algorithms: 0x80 NIA0, 0x20 NIA2."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "ciphering", label = "Ciphering", filter = "net4ai.n2.initial_context_setup_request.capabilities.ciphering", type = "uint8", base = "HEX", doc = "Ciphering algorithms: 0x80 NEA0, 0x20 NEA2."},
                  },
                },
              },
            },
            {kind = "octets", name = "nas", label = "NAS", filter = "net4ai.n2.initial_context_setup_request.nas", length_size = 2, maximum = 16384, doc = "NAS message.", content = "nas"},
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ue_maximum_bit_rate", label = "Ue maximum bit rate", filter = "net4ai.n2.initial_context_setup_request.ue_maximum_bit_rate", type = "uint32", doc = "UE AMBR in kilobit per second; 0: none."},
              },
            },
          },
        },
        [14] = {
          name = "Initial Context Setup Response",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "Security is on between UE and RAN node.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.initial_context_setup_response.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
          },
        },
        [15] = {
          name = "Initial Context Setup Failure",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "Security could not be started; the NAS message was not delivered.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.initial_context_setup_failure.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.n2.initial_context_setup_failure.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [16] = {
          name = "Session Modify Request",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "The RAN node shall give a session other quality of service, on a bearer that fits.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.session_modify_request.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.session_modify_request.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "session", label = "Session", filter = "net4ai.n2.session_modify_request.session", type = "uint8", minimum = 0, maximum = 31, shared = "session", doc = "Identity of the session at the UE."},
              },
            },
            {
              kind = "list",
              name = "qos",
              label = "QoS",
              filter = "net4ai.n2.session_modify_request.qos",
              count_size = 1,
              maximum = 8,
              doc = "Wanted quality of service, one for each QoS flow.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "five_qi", label = "5QI", filter = "net4ai.n2.session_modify_request.qos.five_qi", type = "uint8", minimum = 1, maximum = 255, doc = "5QI; 128 to 254 are operator classes."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "priority", label = "Priority", filter = "net4ai.n2.session_modify_request.qos.priority", type = "uint8", minimum = 1, maximum = 255, doc = "Scheduling priority, lower first."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "prioritised_bit_rate", label = "Prioritised bit rate", filter = "net4ai.n2.session_modify_request.qos.prioritised_bit_rate", type = "uint32", doc = "Prioritised bit rate in kilobyte per second; 0: none."},
                  },
                },
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "bucket_size", label = "Bucket size", filter = "net4ai.n2.session_modify_request.qos.bucket_size", type = "uint16", doc = "Bucket size duration in milliseconds."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "guaranteed_bit_rate", label = "Guaranteed bit rate", filter = "net4ai.n2.session_modify_request.qos.guaranteed_bit_rate", type = "uint32", doc = "Guaranteed flow bit rate (GFBR) in each direction, in kilobit per second; 0: none."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "maximum_bit_rate", label = "Maximum bit rate", filter = "net4ai.n2.session_modify_request.qos.maximum_bit_rate", type = "uint32", doc = "Maximum flow bit rate (MFBR) in each direction, in kilobit per second; 0: none."},
                  },
                },
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "maximum_bit_rate", label = "Maximum bit rate", filter = "net4ai.n2.session_modify_request.maximum_bit_rate", type = "uint32", doc = "Session AMBR in kilobit per second; 0: none."},
              },
            },
          },
        },
        [17] = {
          name = "Session Modify Response",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "The session has its new bearers, known to the UE.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.session_modify_response.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.session_modify_response.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
          },
        },
        [18] = {
          name = "Session Modify Failure",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "The session is as it was.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.session_modify_failure.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.session_modify_failure.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.n2.session_modify_failure.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [19] = {
          name = "Session Release Command",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "The session ends; with the last session of a bearer the bearer ends.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.session_release_command.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.session_release_command.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "session", label = "Session", filter = "net4ai.n2.session_release_command.session", type = "uint8", minimum = 0, maximum = 31, shared = "session", doc = "Identity of the session at the UE."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.n2.session_release_command.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [20] = {
          name = "Session Release Response",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "The session is gone, also where it never was.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.session_release_response.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.session_release_response.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
          },
        },
        [21] = {
          name = "Handover Required",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "The source wants a UE to go on at another RAN node.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.handover_required.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the source."},
              },
            },
            {kind = "text", name = "target", label = "Target", filter = "net4ai.n2.handover_required.target", length_size = 1, maximum = 64, doc = "Name of the target RAN node."},
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.n2.handover_required.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
            {kind = "octets", name = "container", label = "Container", filter = "net4ai.n2.handover_required.container", length_size = 2, maximum = 16384, doc = "For the target, opaque to the core."},
          },
        },
        [22] = {
          name = "Handover Request",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "The target shall reserve what the UE needs.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.handover_request.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {kind = "octets", name = "key", label = "Key", filter = "net4ai.n2.handover_request.key", length_size = 1, maximum = 32, doc = "K_gNB of the target, 32 octets."},
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "next_hop_chaining_count", label = "Next hop chaining count", filter = "net4ai.n2.handover_request.next_hop_chaining_count", type = "uint8", minimum = 0, maximum = 7, doc = "Of this key."},
              },
            },
            {
              kind = "nested",
              name = "capabilities",
              label = "Capabilities",
              filter = "net4ai.n2.handover_request.capabilities",
              doc = "Security capabilities of the UE.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "integrity", label = "Integrity", filter = "net4ai.n2.handover_request.capabilities.integrity", type = "uint8", base = "HEX", doc = "Integrity algorithms: 0x80 NIA0, 0x20 NIA2."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "ciphering", label = "Ciphering", filter = "net4ai.n2.handover_request.capabilities.ciphering", type = "uint8", base = "HEX", doc = "Ciphering algorithms: 0x80 NEA0, 0x20 NEA2."},
                  },
                },
              },
            },
            {
              kind = "list",
              name = "sessions",
              label = "Sessions",
              filter = "net4ai.n2.handover_request.sessions",
              count_size = 1,
              maximum = 32,
              doc = "Its DEP sessions.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "session", label = "Session", filter = "net4ai.n2.handover_request.sessions.session", type = "uint8", minimum = 0, maximum = 31, shared = "session", doc = "Identity of the session at the UE."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "job", label = "Job", filter = "net4ai.n2.handover_request.sessions.job", type = "uint32", shared = "job", doc = "Number of the job the session is for."},
                  },
                },
                {
                  kind = "list",
                  name = "qos",
                  label = "QoS",
                  filter = "net4ai.n2.handover_request.sessions.qos",
                  count_size = 1,
                  maximum = 8,
                  doc = "Quality of service, one for each QoS flow.",
                  parts = {
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "five_qi", label = "5QI", filter = "net4ai.n2.handover_request.sessions.qos.five_qi", type = "uint8", minimum = 1, maximum = 255, doc = "5QI; 128 to 254 are operator classes."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "priority", label = "Priority", filter = "net4ai.n2.handover_request.sessions.qos.priority", type = "uint8", minimum = 1, maximum = 255, doc = "Scheduling priority, lower first."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "prioritised_bit_rate", label = "Prioritised bit rate", filter = "net4ai.n2.handover_request.sessions.qos.prioritised_bit_rate", type = "uint32", doc = "Prioritised bit rate in kilobyte per second; 0: none."},
                      },
                    },
                    {
                      kind = "word",
                      size = 2,
                      fields = {
                        {name = "bucket_size", label = "Bucket size", filter = "net4ai.n2.handover_request.sessions.qos.bucket_size", type = "uint16", doc = "Bucket size duration in milliseconds."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "guaranteed_bit_rate", label = "Guaranteed bit rate", filter = "net4ai.n2.handover_request.sessions.qos.guaranteed_bit_rate", type = "uint32", doc = "Guaranteed flow bit rate (GFBR) in each direction, in kilobit per second; 0: none."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "maximum_bit_rate", label = "Maximum bit rate", filter = "net4ai.n2.handover_request.sessions.qos.maximum_bit_rate", type = "uint32", doc = "Maximum flow bit rate (MFBR) in each direction, in kilobit per second; 0: none."},
                      },
                    },
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "maximum_bit_rate", label = "Maximum bit rate", filter = "net4ai.n2.handover_request.sessions.maximum_bit_rate", type = "uint32", doc = "Session AMBR in kilobit per second; 0: none."},
                  },
                },
              },
            },
            {kind = "octets", name = "container", label = "Container", filter = "net4ai.n2.handover_request.container", length_size = 2, maximum = 16384, doc = "From the source, opaque to the core."},
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ue_maximum_bit_rate", label = "Ue maximum bit rate", filter = "net4ai.n2.handover_request.ue_maximum_bit_rate", type = "uint32", doc = "UE AMBR in kilobit per second; 0: none."},
              },
            },
          },
        },
        [23] = {
          name = "Handover Request Acknowledge",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "The target waits for the UE.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.handover_request_acknowledge.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.handover_request_acknowledge.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the target."},
              },
            },
            {kind = "octets", name = "container", label = "Container", filter = "net4ai.n2.handover_request_acknowledge.container", length_size = 2, maximum = 16384, doc = "RRC Reconfiguration for the UE."},
          },
        },
        [24] = {
          name = "Handover Failure",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "The target has reserved nothing.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.handover_failure.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.n2.handover_failure.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [25] = {
          name = "Handover Command",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "All is prepared.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.handover_command.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the source."},
              },
            },
            {kind = "octets", name = "container", label = "Container", filter = "net4ai.n2.handover_command.container", length_size = 2, maximum = 16384, doc = "RRC Reconfiguration for the UE."},
          },
        },
        [26] = {
          name = "Handover Preparation Failure",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "The UE stays where it is.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.handover_preparation_failure.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the source."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.n2.handover_preparation_failure.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [27] = {
          name = "Handover Cancel",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "The source has thought better of it.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.handover_cancel.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the source."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.n2.handover_cancel.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
          },
        },
        [28] = {
          name = "Handover Cancel Acknowledge",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "What was prepared is free again.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.handover_cancel_acknowledge.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the source."},
              },
            },
          },
        },
        [29] = {
          name = "Error Indication",
          bearer = "N2",
          direction = "both",
          before_security = false,
          doc = "A message could not be taken. Never sent in answer to Error Indication; rate-limited.",
          parts = {
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.n2.error_indication.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "message_type", label = "Message type", filter = "net4ai.n2.error_indication.message_type", type = "uint8", doc = "Message type of the message; 0: none could be read."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.error_indication.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context it named; 0: none."},
              },
            },
          },
        },
        [30] = {
          name = "Overload Start",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "The core has too much to do: the RAN node rejects a share of the new connections.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "reduction", label = "Reduction", filter = "net4ai.n2.overload_start.reduction", type = "uint8", minimum = 1, maximum = 100, doc = "Percentage to reject; high-priority access is never rejected."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "wait_time", label = "Wait time", filter = "net4ai.n2.overload_start.wait_time", type = "uint16", doc = "Milliseconds rejected UEs shall wait."},
              },
            },
          },
        },
        [31] = {
          name = "Overload Stop",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "All is as usual again.",
          parts = {},
        },
        [32] = {
          name = "N2 Paging",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "The RAN node shall page a UE in its cell.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "temporary_identity", label = "Temporary identity", filter = "net4ai.n2.paging.temporary_identity", type = "uint32", base = "HEX", doc = "Temporary identity of the UE."},
              },
            },
          },
        },
        [33] = {
          name = "Handover Notify",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "The UE has come to the target.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.handover_notify.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the target."},
              },
            },
          },
        },
        [34] = {
          name = "PDU Session Setup Request",
          bearer = "N2",
          direction = "down",
          before_security = false,
          doc = "The RAN node shall set up a PDU session for a UE: a data radio bearer, and a tunnel to a user plane function.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.pdu_session_setup_request.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.pdu_session_setup_request.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "job", label = "Job", filter = "net4ai.n2.pdu_session_setup_request.job", type = "uint32", shared = "job", doc = "Number of the job the session is for."},
              },
            },
            {
              kind = "list",
              name = "qos",
              label = "QoS",
              filter = "net4ai.n2.pdu_session_setup_request.qos",
              count_size = 1,
              maximum = 8,
              doc = "Wanted quality of service, one for each QoS flow.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "five_qi", label = "5QI", filter = "net4ai.n2.pdu_session_setup_request.qos.five_qi", type = "uint8", minimum = 1, maximum = 255, doc = "5QI; 128 to 254 are operator classes."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "priority", label = "Priority", filter = "net4ai.n2.pdu_session_setup_request.qos.priority", type = "uint8", minimum = 1, maximum = 255, doc = "Scheduling priority, lower first."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "prioritised_bit_rate", label = "Prioritised bit rate", filter = "net4ai.n2.pdu_session_setup_request.qos.prioritised_bit_rate", type = "uint32", doc = "Prioritised bit rate in kilobyte per second; 0: none."},
                  },
                },
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "bucket_size", label = "Bucket size", filter = "net4ai.n2.pdu_session_setup_request.qos.bucket_size", type = "uint16", doc = "Bucket size duration in milliseconds."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "guaranteed_bit_rate", label = "Guaranteed bit rate", filter = "net4ai.n2.pdu_session_setup_request.qos.guaranteed_bit_rate", type = "uint32", doc = "Guaranteed flow bit rate (GFBR) in each direction, in kilobit per second; 0: none."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "maximum_bit_rate", label = "Maximum bit rate", filter = "net4ai.n2.pdu_session_setup_request.qos.maximum_bit_rate", type = "uint32", doc = "Maximum flow bit rate (MFBR) in each direction, in kilobit per second; 0: none."},
                  },
                },
              },
            },
            {
              kind = "nested",
              name = "uplink",
              label = "Uplink",
              filter = "net4ai.n2.pdu_session_setup_request.uplink",
              doc = "Where the user plane function receives.",
              parts = {
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "teid", label = "Teid", filter = "net4ai.n2.pdu_session_setup_request.uplink.teid", type = "uint32", base = "HEX", minimum = 1, maximum = 4294967295, doc = "Tunnel endpoint identifier."},
                  },
                },
                {kind = "text", name = "address", label = "Address", filter = "net4ai.n2.pdu_session_setup_request.uplink.address", length_size = 1, maximum = 64, doc = "Host of the node on N3."},
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "port", label = "Port", filter = "net4ai.n2.pdu_session_setup_request.uplink.port", type = "uint16", minimum = 1, maximum = 65535, doc = "UDP port of its signalling socket on N3; in captures 2152."},
                  },
                },
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "bulk_port", label = "Bulk port", filter = "net4ai.n2.pdu_session_setup_request.uplink.bulk_port", type = "uint16", minimum = 1, maximum = 65535, doc = "UDP port of its bulk socket on N3; in captures 2152."},
                  },
                },
              },
            },
          },
        },
        [35] = {
          name = "PDU Session Setup Response",
          bearer = "N2",
          direction = "up",
          before_security = false,
          doc = "The PDU session has its data radio bearer, known to the UE, and its tunnel. Refusals: Session Setup Failure.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "ran_ue", label = "RAN UE", filter = "net4ai.n2.pdu_session_setup_response.ran_ue", type = "uint32", shared = "ran_ue", doc = "Identity of the UE's context at the RAN node."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.n2.pdu_session_setup_response.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "session", label = "Session", filter = "net4ai.n2.pdu_session_setup_response.session", type = "uint8", minimum = 0, maximum = 31, shared = "session", doc = "Identity of the session at the UE."},
              },
            },
            {
              kind = "nested",
              name = "downlink",
              label = "Downlink",
              filter = "net4ai.n2.pdu_session_setup_response.downlink",
              doc = "Where the RAN node receives.",
              parts = {
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "teid", label = "Teid", filter = "net4ai.n2.pdu_session_setup_response.downlink.teid", type = "uint32", base = "HEX", minimum = 1, maximum = 4294967295, doc = "Tunnel endpoint identifier."},
                  },
                },
                {kind = "text", name = "address", label = "Address", filter = "net4ai.n2.pdu_session_setup_response.downlink.address", length_size = 1, maximum = 64, doc = "Host of the node on N3."},
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "port", label = "Port", filter = "net4ai.n2.pdu_session_setup_response.downlink.port", type = "uint16", minimum = 1, maximum = 65535, doc = "UDP port of its signalling socket on N3; in captures 2152."},
                  },
                },
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "bulk_port", label = "Bulk port", filter = "net4ai.n2.pdu_session_setup_response.downlink.bulk_port", type = "uint16", minimum = 1, maximum = 65535, doc = "UDP port of its bulk socket on N3; in captures 2152."},
                  },
                },
              },
            },
          },
        },
      },
    },
    link = {
      name = "link",
      doc = "Signalling on T2a, T4 and T8.",
      filter = "net4ai.link",
      messages = {
        [1] = {
          name = "Attach Request",
          bearer = "T2a, T4, T8",
          direction = "up",
          before_security = false,
          doc = "An application server, application controller, forwarding function, or over T2a a terminal attaches.",
          parts = {
            {
              kind = "nested",
              name = "versions",
              label = "Versions",
              filter = "net4ai.link.attach_request.versions",
              doc = "Versions the sender can speak.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "lowest", label = "Lowest", filter = "net4ai.link.attach_request.versions.lowest", type = "uint8", minimum = 1, maximum = 255, doc = "Lowest version."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "highest", label = "Highest", filter = "net4ai.link.attach_request.versions.highest", type = "uint8", minimum = 1, maximum = 255, doc = "Highest version."},
                  },
                },
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "kind", label = "Kind", filter = "net4ai.link.attach_request.kind", type = "uint8", codes = "AttachKind", doc = "Who attaches."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "bulk_port", label = "Bulk port", filter = "net4ai.link.attach_request.bulk_port", type = "uint16", minimum = 1, maximum = 65535, doc = "UDP port of the sender's bulk socket."},
              },
            },
            {kind = "text", name = "name", label = "Name", filter = "net4ai.link.attach_request.name", length_size = 1, maximum = 64, doc = "Name of the sender."},
          },
        },
        [2] = {
          name = "Attach Accept",
          bearer = "T2a, T4, T8",
          direction = "down",
          before_security = false,
          doc = "The peer is attached.",
          parts = {
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "version", label = "Version", filter = "net4ai.link.attach_accept.version", type = "uint8", minimum = 1, maximum = 255, doc = "Version agreed on."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "peer", label = "Peer", filter = "net4ai.link.attach_accept.peer", type = "uint16", minimum = 1, maximum = 65535, doc = "Peer identity, for the C-RNTI field of the layer-2 header."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "bulk_port", label = "Bulk port", filter = "net4ai.link.attach_accept.bulk_port", type = "uint16", minimum = 1, maximum = 65535, doc = "UDP port of the sender's bulk socket."},
              },
            },
            {kind = "text", name = "name", label = "Name", filter = "net4ai.link.attach_accept.name", length_size = 1, maximum = 64, doc = "Name of the sender."},
          },
        },
        [3] = {
          name = "Attach Reject",
          bearer = "T2a, T4, T8",
          direction = "down",
          before_security = false,
          doc = "The peer is not attached.",
          parts = {
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.link.attach_reject.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
            {
              kind = "nested",
              name = "versions",
              label = "Versions",
              filter = "net4ai.link.attach_reject.versions",
              doc = "Versions the sender can speak.",
              parts = {
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "lowest", label = "Lowest", filter = "net4ai.link.attach_reject.versions.lowest", type = "uint8", minimum = 1, maximum = 255, doc = "Lowest version."},
                  },
                },
                {
                  kind = "word",
                  size = 1,
                  fields = {
                    {name = "highest", label = "Highest", filter = "net4ai.link.attach_reject.versions.highest", type = "uint8", minimum = 1, maximum = 255, doc = "Highest version."},
                  },
                },
              },
            },
          },
        },
        [4] = {
          name = "Instantiate",
          bearer = "T4",
          direction = "down",
          before_security = false,
          doc = "The application server shall create an instance of a service function.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.instantiate.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.instantiate.instance", type = "uint32", shared = "instance", doc = "Number of the instance."},
              },
            },
            {kind = "text", name = "function", label = "Function", filter = "net4ai.link.instantiate.function", length_size = 1, maximum = 64, doc = "Registered entry point of the function."},
            {kind = "octets", name = "settings", label = "Settings", filter = "net4ai.link.instantiate.settings", length_size = 2, maximum = 32768, doc = "Settings of the function, JSON.", content = "json"},
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "memory_mib", label = "Memory mib", filter = "net4ai.link.instantiate.memory_mib", type = "uint32", doc = "Memory in MiB it may take; 0: no limit."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "busy_ms", label = "Busy ms", filter = "net4ai.link.instantiate.busy_ms", type = "uint32", doc = "Milliseconds it may compute without a pause; 0: no limit."},
              },
            },
          },
        },
        [5] = {
          name = "Terminate",
          bearer = "T4",
          direction = "down",
          before_security = false,
          doc = "The application server shall end an instance.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.terminate.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.terminate.instance", type = "uint32", shared = "instance", doc = "Number of the instance."},
              },
            },
          },
        },
        [6] = {
          name = "Acknowledge",
          bearer = "T2a, T4, T8",
          direction = "both",
          before_security = false,
          doc = "The request is carried out.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.acknowledge.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
          },
        },
        [7] = {
          name = "Refuse",
          bearer = "T2a, T4, T8",
          direction = "both",
          before_security = false,
          doc = "The request is not carried out, and changed nothing.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.refuse.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.link.refuse.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
            {kind = "text", name = "detail", label = "Detail", filter = "net4ai.link.refuse.detail", length_size = 1, maximum = 200, doc = "For the person who reads it."},
          },
        },
        [8] = {
          name = "Session Add",
          bearer = "T2a, T4, T8",
          direction = "both",
          before_security = false,
          doc = "DEP sessions of an execution, one for each seat.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.session_add.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.link.session_add.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.session_add.instance", type = "uint32", shared = "instance", doc = "Instance the receiver hosts, or forwards to."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "end_point", label = "End point", filter = "net4ai.link.session_add.end_point", type = "uint8", codes = "EndPoint", doc = "Which end of the sessions that instance is."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "dep_version", label = "DEP version", filter = "net4ai.link.session_add.dep_version", type = "uint8", minimum = 1, maximum = 15, doc = "DEP version of the sessions."},
              },
            },
            {
              kind = "list",
              name = "sessions",
              label = "Sessions",
              filter = "net4ai.link.session_add.sessions",
              count_size = 1,
              maximum = 255,
              doc = "The sessions.",
              parts = {
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "seat", label = "Seat", filter = "net4ai.link.session_add.sessions.seat", type = "uint16", shared = "seat", doc = "Seat of the client at its server."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "handle", label = "Handle", filter = "net4ai.link.session_add.sessions.handle", type = "uint32", base = "HEX", minimum = 1, maximum = 4294967295, shared = "handle", doc = "Handle for PDUs towards the sender of this message."},
                  },
                },
                {
                  kind = "nested",
                  name = "limits",
                  label = "Limits",
                  filter = "net4ai.link.session_add.sessions.limits",
                  doc = "What the sender permits.",
                  parts = {
                    {
                      kind = "word",
                      size = 2,
                      fields = {
                        {name = "segment_size", label = "Segment size", filter = "net4ai.link.session_add.sessions.limits.segment_size", type = "uint16", minimum = 64, maximum = 60000, doc = "Payload octets of every DATA but the last of a message."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "unscheduled", label = "Unscheduled", filter = "net4ai.link.session_add.sessions.limits.unscheduled", type = "uint32", doc = "Octets that may be under way without GRANT, of all messages together."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "maximum_message", label = "Maximum message", filter = "net4ai.link.session_add.sessions.limits.maximum_message", type = "uint32", minimum = 64, maximum = 4294967295, doc = "Largest message, in octets."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "maximum_open", label = "Maximum open", filter = "net4ai.link.session_add.sessions.limits.maximum_open", type = "uint8", minimum = 1, maximum = 255, doc = "Messages under way at a time, per direction."},
                      },
                    },
                  },
                },
                {
                  kind = "list",
                  name = "flows",
                  label = "Flows",
                  filter = "net4ai.link.session_add.sessions.flows",
                  count_size = 1,
                  maximum = 16,
                  doc = "QoS flows.",
                  parts = {
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "qfi", label = "QFI", filter = "net4ai.link.session_add.sessions.flows.qfi", type = "uint8", minimum = 0, maximum = 63, doc = "QoS flow identifier."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "bearer", label = "Bearer", filter = "net4ai.link.session_add.sessions.flows.bearer", type = "uint8", minimum = 1, maximum = 63, doc = "Computing radio bearer (on T4 and T8: 1)."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "reliable", label = "Reliable", filter = "net4ai.link.session_add.sessions.flows.reliable", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "Lost octets are sent again."},
                        {name = "ordered", label = "Ordered", filter = "net4ai.link.session_add.sessions.flows.ordered", type = "bool", mask = 64, divisor = 64, modulus = 2, doc = "Messages are delivered in the order they were sent."},
                        {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.link.session_add.sessions.flows.reserved_flags", type = "uint8", mask = 63, divisor = 1, modulus = 64, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
                      },
                    },
                  },
                },
              },
            },
            {kind = "text", name = "node", label = "Node", filter = "net4ai.link.session_add.node", length_size = 1, maximum = 64, doc = "On T8: forwarding function where the instance is; empty: the receiver."},
          },
        },
        [9] = {
          name = "Session Add Complete",
          bearer = "T2a, T4, T8",
          direction = "both",
          before_security = false,
          doc = "The sessions are known; the sender's handles for them.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.session_add_complete.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "list",
              name = "sessions",
              label = "Sessions",
              filter = "net4ai.link.session_add_complete.sessions",
              count_size = 1,
              maximum = 255,
              doc = "The handles.",
              parts = {
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "seat", label = "Seat", filter = "net4ai.link.session_add_complete.sessions.seat", type = "uint16", shared = "seat", doc = "Seat of the client at its server."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "handle", label = "Handle", filter = "net4ai.link.session_add_complete.sessions.handle", type = "uint32", base = "HEX", minimum = 1, maximum = 4294967295, shared = "handle", doc = "Handle for PDUs towards the sender of this message."},
                  },
                },
                {
                  kind = "nested",
                  name = "limits",
                  label = "Limits",
                  filter = "net4ai.link.session_add_complete.sessions.limits",
                  doc = "What the sender permits.",
                  parts = {
                    {
                      kind = "word",
                      size = 2,
                      fields = {
                        {name = "segment_size", label = "Segment size", filter = "net4ai.link.session_add_complete.sessions.limits.segment_size", type = "uint16", minimum = 64, maximum = 60000, doc = "Payload octets of every DATA but the last of a message."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "unscheduled", label = "Unscheduled", filter = "net4ai.link.session_add_complete.sessions.limits.unscheduled", type = "uint32", doc = "Octets that may be under way without GRANT, of all messages together."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "maximum_message", label = "Maximum message", filter = "net4ai.link.session_add_complete.sessions.limits.maximum_message", type = "uint32", minimum = 64, maximum = 4294967295, doc = "Largest message, in octets."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "maximum_open", label = "Maximum open", filter = "net4ai.link.session_add_complete.sessions.limits.maximum_open", type = "uint8", minimum = 1, maximum = 255, doc = "Messages under way at a time, per direction."},
                      },
                    },
                  },
                },
              },
            },
          },
        },
        [10] = {
          name = "Session Release",
          bearer = "T2a, T4, T8",
          direction = "both",
          before_security = false,
          doc = "Sessions of an execution end; without seats, all of them.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.session_release.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.link.session_release.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.session_release.instance", type = "uint32", shared = "instance", doc = "Instance the receiver hosts, or forwards to."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.link.session_release.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "Why."},
              },
            },
            {
              kind = "list",
              name = "seats",
              label = "Seats",
              filter = "net4ai.link.session_release.seats",
              count_size = 2,
              maximum = 4096,
              doc = "Seats; none: all.",
              parts = {
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "seat", label = "Seat", filter = "net4ai.link.session_release.seats.seat", type = "uint16", shared = "seat", doc = "Seat of a client at its server."},
                  },
                },
              },
            },
          },
        },
        [11] = {
          name = "Invite",
          bearer = "T4",
          direction = "down",
          before_security = false,
          doc = "An instance is invited to an execution, as server or as concrete client.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.invite.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.link.invite.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.invite.instance", type = "uint32", shared = "instance", doc = "Number of the instance."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "end_point", label = "End point", filter = "net4ai.link.invite.end_point", type = "uint8", codes = "EndPoint", doc = "Which end the instance is."},
              },
            },
            {kind = "text", name = "routine", label = "Routine", filter = "net4ai.link.invite.routine", length_size = 1, maximum = 64, doc = "Name of the routine."},
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "round", label = "Round", filter = "net4ai.link.invite.round", type = "uint32", doc = "How often the task was run before."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {{name = "cut", label = "Cut", filter = "net4ai.link.invite.cut", type = "uint8", doc = "Split layer."}},
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "sequential", label = "Sequential", filter = "net4ai.link.invite.sequential", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "Turns come one after another (R79)."},
                {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.link.invite.reserved_flags", type = "uint8", mask = 127, divisor = 1, modulus = 128, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
              },
            },
            {
              kind = "list",
              name = "seats",
              label = "Seats",
              filter = "net4ai.link.invite.seats",
              count_size = 2,
              maximum = 4096,
              doc = "Seats of this instance in the execution.",
              parts = {
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "seat", label = "Seat", filter = "net4ai.link.invite.seats.seat", type = "uint16", shared = "seat", doc = "Seat of a client at its server."},
                  },
                },
              },
            },
            {kind = "octets", name = "key", label = "Key", filter = "net4ai.link.invite.key", length_size = 2, maximum = 1024, doc = "Key material of the other side, opaque."},
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "qfi", label = "QFI", filter = "net4ai.link.invite.qfi", type = "uint8", doc = "QoS flow the instance sends on."},
              },
            },
          },
        },
        [12] = {
          name = "Accept",
          bearer = "T4",
          direction = "up",
          before_security = false,
          doc = "The instance takes part.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.accept.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.link.accept.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.accept.instance", type = "uint32", shared = "instance", doc = "Number of the instance."},
              },
            },
            {kind = "octets", name = "key", label = "Key", filter = "net4ai.link.accept.key", length_size = 2, maximum = 1024, doc = "Key material of the instance, opaque."},
          },
        },
        [13] = {
          name = "Begin",
          bearer = "T4",
          direction = "down",
          before_security = false,
          doc = "All clients have answered and enough accepted: the seats that remain.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.begin.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.link.begin.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.begin.instance", type = "uint32", shared = "instance", doc = "Number of the instance."},
              },
            },
            {
              kind = "list",
              name = "seats",
              label = "Seats",
              filter = "net4ai.link.begin.seats",
              count_size = 2,
              maximum = 4096,
              doc = "Seats that accepted.",
              parts = {
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "seat", label = "Seat", filter = "net4ai.link.begin.seats.seat", type = "uint16", shared = "seat", doc = "Seat of a client at its server."},
                  },
                },
              },
            },
          },
        },
        [14] = {
          name = "Start",
          bearer = "T4",
          direction = "down",
          before_security = false,
          doc = "A turn begins at this instance. Of a committed turn it is answered by Done.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.link.start.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.start.instance", type = "uint32", shared = "instance", doc = "Number of the instance."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "end_point", label = "End point", filter = "net4ai.link.start.end_point", type = "uint8", codes = "EndPoint", doc = "Which end the instance is."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "turn", label = "Turn", filter = "net4ai.link.start.turn", type = "uint32", shared = "turn", doc = "Number of the turn."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "seat", label = "Seat", filter = "net4ai.link.start.seat", type = "uint16", shared = "seat", doc = "Seat whose turn it is."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "repetition", label = "Repetition", filter = "net4ai.link.start.repetition", type = "uint16", doc = "How often the execution was restarted."},
              },
            },
          },
        },
        [15] = {
          name = "Done",
          bearer = "T4",
          direction = "up",
          before_security = false,
          doc = "A turn has ended at this instance; at a server, it is committed.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.link.done.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.done.instance", type = "uint32", shared = "instance", doc = "Number of the instance."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "end_point", label = "End point", filter = "net4ai.link.done.end_point", type = "uint8", codes = "EndPoint", doc = "Which end the instance is."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "turn", label = "Turn", filter = "net4ai.link.done.turn", type = "uint32", shared = "turn", doc = "Number of the turn."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "seat", label = "Seat", filter = "net4ai.link.done.seat", type = "uint16", shared = "seat", doc = "Seat whose turn it was."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.link.done.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "How: NORMAL, or what went wrong."},
              },
            },
          },
        },
        [16] = {
          name = "Finish",
          bearer = "T4",
          direction = "down",
          before_security = false,
          doc = "All turns are done: the server shall say restart or complete.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.link.finish.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.finish.instance", type = "uint32", shared = "instance", doc = "Number of the instance."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "repetition", label = "Repetition", filter = "net4ai.link.finish.repetition", type = "uint16", doc = "How often the execution was restarted."},
              },
            },
          },
        },
        [17] = {
          name = "Restart",
          bearer = "T4",
          direction = "up",
          before_security = false,
          doc = "The server wants the turns once more.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.link.restart.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.restart.instance", type = "uint32", shared = "instance", doc = "Number of the instance."},
              },
            },
          },
        },
        [18] = {
          name = "Complete",
          bearer = "T4",
          direction = "up",
          before_security = false,
          doc = "The server has completed the execution.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.link.complete.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.complete.instance", type = "uint32", shared = "instance", doc = "Number of the instance."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "stop", label = "Stop", filter = "net4ai.link.complete.stop", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "The job shall end (R110)."},
                {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.link.complete.reserved_flags", type = "uint8", mask = 127, divisor = 1, modulus = 128, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.link.complete.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "How: NORMAL, or what went wrong."},
              },
            },
          },
        },
        [19] = {
          name = "Progress",
          bearer = "T4",
          direction = "up",
          before_security = false,
          doc = "A function reports progress.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.link.progress.execution", type = "uint32", shared = "execution", doc = "Number of the execution; 0: none."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.progress.instance", type = "uint32", shared = "instance", doc = "Number of the instance."},
              },
            },
            {kind = "octets", name = "values", label = "Values", filter = "net4ai.link.progress.values", length_size = 2, maximum = 4096, doc = "Names and values, JSON object.", content = "json"},
          },
        },
        [20] = {
          name = "Begun",
          bearer = "T4",
          direction = "up",
          before_security = false,
          doc = "The execution has begun, or goes on where it had stopped.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.begun.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "next_turn", label = "Next turn", filter = "net4ai.link.begun.next_turn", type = "uint32", doc = "Turns below it were committed, or passed over, before; 0: it begins."},
              },
            },
          },
        },
        [21] = {
          name = "Instance Lost",
          bearer = "T4",
          direction = "up",
          before_security = false,
          doc = "An instance is no more. Its forwarding function forgets it; only Instantiate makes it anew.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.instance_lost.instance", type = "uint32", shared = "instance", doc = "Number of the instance."},
              },
            },
            {
              kind = "word",
              size = 2,
              fields = {
                {name = "cause", label = "Cause", filter = "net4ai.link.instance_lost.cause", type = "uint16", codes = "Cause", shared = "cause", doc = "FUNCTION_FAILED: for what it did; PEER_LOST: its process has gone."},
              },
            },
          },
        },
        [22] = {
          name = "Path Switch",
          bearer = "T8",
          direction = "both",
          before_security = false,
          doc = "A session of an execution goes on over this path, in place of the one it had: the client was handed over. As Session Add, but the server's end of the session stays what it is.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.path_switch.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "execution", label = "Execution", filter = "net4ai.link.path_switch.execution", type = "uint32", shared = "execution", doc = "Number of the execution."},
              },
            },
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "instance", label = "Instance", filter = "net4ai.link.path_switch.instance", type = "uint32", shared = "instance", doc = "Instance the receiver hosts, or forwards to."},
              },
            },
            {
              kind = "word",
              size = 1,
              fields = {
                {name = "dep_version", label = "DEP version", filter = "net4ai.link.path_switch.dep_version", type = "uint8", minimum = 1, maximum = 15, doc = "DEP version of the session."},
              },
            },
            {
              kind = "nested",
              name = "session",
              label = "Session",
              filter = "net4ai.link.path_switch.session",
              doc = "The session.",
              parts = {
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "seat", label = "Seat", filter = "net4ai.link.path_switch.session.seat", type = "uint16", shared = "seat", doc = "Seat of the client at its server."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "handle", label = "Handle", filter = "net4ai.link.path_switch.session.handle", type = "uint32", base = "HEX", minimum = 1, maximum = 4294967295, shared = "handle", doc = "Handle for PDUs towards the sender of this message."},
                  },
                },
                {
                  kind = "nested",
                  name = "limits",
                  label = "Limits",
                  filter = "net4ai.link.path_switch.session.limits",
                  doc = "What the sender permits.",
                  parts = {
                    {
                      kind = "word",
                      size = 2,
                      fields = {
                        {name = "segment_size", label = "Segment size", filter = "net4ai.link.path_switch.session.limits.segment_size", type = "uint16", minimum = 64, maximum = 60000, doc = "Payload octets of every DATA but the last of a message."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "unscheduled", label = "Unscheduled", filter = "net4ai.link.path_switch.session.limits.unscheduled", type = "uint32", doc = "Octets that may be under way without GRANT, of all messages together."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "maximum_message", label = "Maximum message", filter = "net4ai.link.path_switch.session.limits.maximum_message", type = "uint32", minimum = 64, maximum = 4294967295, doc = "Largest message, in octets."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "maximum_open", label = "Maximum open", filter = "net4ai.link.path_switch.session.limits.maximum_open", type = "uint8", minimum = 1, maximum = 255, doc = "Messages under way at a time, per direction."},
                      },
                    },
                  },
                },
                {
                  kind = "list",
                  name = "flows",
                  label = "Flows",
                  filter = "net4ai.link.path_switch.session.flows",
                  count_size = 1,
                  maximum = 16,
                  doc = "QoS flows.",
                  parts = {
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "qfi", label = "QFI", filter = "net4ai.link.path_switch.session.flows.qfi", type = "uint8", minimum = 0, maximum = 63, doc = "QoS flow identifier."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "bearer", label = "Bearer", filter = "net4ai.link.path_switch.session.flows.bearer", type = "uint8", minimum = 1, maximum = 63, doc = "Computing radio bearer (on T4 and T8: 1)."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "reliable", label = "Reliable", filter = "net4ai.link.path_switch.session.flows.reliable", type = "bool", mask = 128, divisor = 128, modulus = 2, doc = "Lost octets are sent again."},
                        {name = "ordered", label = "Ordered", filter = "net4ai.link.path_switch.session.flows.ordered", type = "bool", mask = 64, divisor = 64, modulus = 2, doc = "Messages are delivered in the order they were sent."},
                        {name = "reserved_flags", label = "Reserved flags", filter = "net4ai.link.path_switch.session.flows.reserved_flags", type = "uint8", mask = 63, divisor = 1, modulus = 64, quiet = true, reserved = true, doc = "Reserved: sent as 0, ignored on receipt."},
                      },
                    },
                  },
                },
              },
            },
            {kind = "text", name = "node", label = "Node", filter = "net4ai.link.path_switch.node", length_size = 1, maximum = 64, doc = "Forwarding function where the instance is; empty: the receiver."},
          },
        },
        [23] = {
          name = "Path Switch Complete",
          bearer = "T8",
          direction = "both",
          before_security = false,
          doc = "The session goes on over this path; the sender's handle for it.",
          parts = {
            {
              kind = "word",
              size = 4,
              fields = {
                {name = "transaction", label = "Transaction", filter = "net4ai.link.path_switch_complete.transaction", type = "uint32", doc = "Number of the request."},
              },
            },
            {
              kind = "nested",
              name = "session",
              label = "Session",
              filter = "net4ai.link.path_switch_complete.session",
              doc = "The handle.",
              parts = {
                {
                  kind = "word",
                  size = 2,
                  fields = {
                    {name = "seat", label = "Seat", filter = "net4ai.link.path_switch_complete.session.seat", type = "uint16", shared = "seat", doc = "Seat of the client at its server."},
                  },
                },
                {
                  kind = "word",
                  size = 4,
                  fields = {
                    {name = "handle", label = "Handle", filter = "net4ai.link.path_switch_complete.session.handle", type = "uint32", base = "HEX", minimum = 1, maximum = 4294967295, shared = "handle", doc = "Handle for PDUs towards the sender of this message."},
                  },
                },
                {
                  kind = "nested",
                  name = "limits",
                  label = "Limits",
                  filter = "net4ai.link.path_switch_complete.session.limits",
                  doc = "What the sender permits.",
                  parts = {
                    {
                      kind = "word",
                      size = 2,
                      fields = {
                        {name = "segment_size", label = "Segment size", filter = "net4ai.link.path_switch_complete.session.limits.segment_size", type = "uint16", minimum = 64, maximum = 60000, doc = "Payload octets of every DATA but the last of a message."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "unscheduled", label = "Unscheduled", filter = "net4ai.link.path_switch_complete.session.limits.unscheduled", type = "uint32", doc = "Octets that may be under way without GRANT, of all messages together."},
                      },
                    },
                    {
                      kind = "word",
                      size = 4,
                      fields = {
                        {name = "maximum_message", label = "Maximum message", filter = "net4ai.link.path_switch_complete.session.limits.maximum_message", type = "uint32", minimum = 64, maximum = 4294967295, doc = "Largest message, in octets."},
                      },
                    },
                    {
                      kind = "word",
                      size = 1,
                      fields = {
                        {name = "maximum_open", label = "Maximum open", filter = "net4ai.link.path_switch_complete.session.limits.maximum_open", type = "uint8", minimum = 1, maximum = 255, doc = "Messages under way at a time, per direction."},
                      },
                    },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
  exchanges = {
    rrc = {
      {requests = {1, 14}, answers = {2, 4}, by = {"ue_identity"}, unasked = false},
      {requests = {2}, answers = {3}, by = {"ue", "transaction"}, unasked = false},
      {requests = {11}, answers = {12, 13}, by = {"ue", "transaction"}, unasked = false},
      {requests = {5}, answers = {6, 7}, by = {"ue", "transaction"}, unasked = false},
      {requests = {14}, answers = {15}, by = {"ue"}, unasked = false},
      {requests = {15}, answers = {16}, by = {"ue", "transaction"}, unasked = false},
    },
    nas = {
      {requests = {65}, answers = {66, 68}, by = {"ue"}, unasked = false},
      {requests = {66}, answers = {67}, by = {"ue"}, unasked = false},
      {requests = {86}, answers = {87, 89}, by = {"ue"}, unasked = false},
      {requests = {93}, answers = {94, 95}, by = {"ue"}, unasked = false},
      {requests = {76}, answers = {78, 77}, by = {"ue"}, unasked = false},
      {requests = {69}, answers = {70}, by = {"ue"}, unasked = false},
      {requests = {71}, answers = {72}, by = {"ue"}, unasked = false},
      {requests = {130}, answers = {131, 194, 132}, by = {"ue", "transaction"}, unasked = false},
      {requests = {136}, answers = {137, 138}, by = {"ue", "execution"}, unasked = false},
      {requests = {139}, answers = {140}, by = {"ue", "execution", "turn"}, unasked = false},
    },
    n2 = {
      {requests = {1}, answers = {2, 3}, by = {}, unasked = false},
      {requests = {13}, answers = {14, 15}, by = {"ran_ue"}, unasked = false},
      {requests = {7}, answers = {8, 9}, by = {"ran_ue", "transaction"}, unasked = false},
      {requests = {34}, answers = {35, 9}, by = {"ran_ue", "transaction"}, unasked = false},
      {requests = {16}, answers = {17, 18}, by = {"ran_ue", "transaction"}, unasked = false},
      {requests = {19}, answers = {20}, by = {"ran_ue", "transaction"}, unasked = false},
      {requests = {10}, answers = {11}, by = {"ran_ue"}, unasked = true},
      {requests = {11}, answers = {12}, by = {"ran_ue"}, unasked = false},
      {requests = {21}, answers = {25, 26}, by = {"ran_ue"}, unasked = false},
      {requests = {22}, answers = {23, 24}, by = {"transaction"}, unasked = false},
      {requests = {27}, answers = {28}, by = {"ran_ue"}, unasked = false},
    },
    link = {
      {requests = {1}, answers = {2, 3}, by = {}, unasked = false},
      {requests = {4, 5, 8, 10, 11, 13}, answers = {6, 7, 9, 12}, by = {"transaction"}, unasked = false},
      {requests = {14}, answers = {15}, by = {"execution", "instance", "turn"}, unasked = false},
      {requests = {16}, answers = {17, 18}, by = {"execution", "instance"}, unasked = false},
    },
  },
  shared = {
    {name = "cause", label = "Cause", filter = "net4ai.cause", type = "uint16", codes = "Cause", doc = "Cause, in whichever message it stands."},
    {name = "execution", label = "Execution", filter = "net4ai.execution", type = "uint32", doc = "Number of an execution, in whichever message it stands."},
    {name = "handle", label = "Handle", filter = "net4ai.handle", type = "uint32", base = "HEX", doc = "Handle of a DEP session, in whichever message it stands."},
    {name = "instance", label = "Instance", filter = "net4ai.instance", type = "uint32", doc = "Number of an instance, in whichever message it stands."},
    {name = "job", label = "Job", filter = "net4ai.job", type = "uint32", doc = "Number of a job, in whichever message it stands."},
    {name = "ran_ue", label = "RAN UE", filter = "net4ai.ran_ue", type = "uint32", doc = "Identity of a UE's context at the RAN node, in whichever message it stands."},
    {name = "seat", label = "Seat", filter = "net4ai.seat", type = "uint16", doc = "Seat of a client, in whichever message it stands."},
    {name = "session", label = "Session", filter = "net4ai.session", type = "uint8", doc = "Identity of a DEP session at its UE, in whichever message it stands."},
    {name = "turn", label = "Turn", filter = "net4ai.turn", type = "uint32", doc = "Number of a turn, in whichever message it stands."},
  },
  codes = {
    AttachKind = {[1] = "APPLICATION_SERVER", [2] = "FORWARDING_FUNCTION", [3] = "APPLICATION_CONTROLLER", [4] = "TERMINAL"},
    BearerMode = {[0] = "UNACKNOWLEDGED", [1] = "ACKNOWLEDGED"},
    BearerType = {[0] = "SRB", [1] = "DRB", [2] = "CRB", [3] = "FIXED_LINK"},
    Cause = {[0] = "UNSPECIFIED", [1] = "NORMAL", [2] = "USER_INACTIVITY", [3] = "DEREGISTERED", [4] = "HANDED_OVER", [16] = "NO_RESOURCES", [17] = "NOT_ALLOWED", [18] = "FUNCTION_NOT_HERE", [19] = "UNKNOWN_JOB", [20] = "NO_CONSENT", [21] = "VERSION_NOT_SUPPORTED", [22] = "TOO_FEW_CLIENTS", [23] = "DECLINED", [24] = "BUSY", [25] = "AUTHENTICATION_FAILED", [26] = "AUTHENTICATION_NOT_AVAILABLE", [27] = "OVERLOAD", [28] = "UNKNOWN_TARGET", [32] = "UNKNOWN_SESSION", [33] = "WRONG_BEARER", [34] = "QOS_FLOW_NOT_CONFIGURED", [35] = "MESSAGE_TOO_LARGE", [36] = "CREDIT_VIOLATION", [37] = "UNKNOWN_CRITICAL_EXTENSION", [38] = "OVERLAPPING_DATA", [39] = "INVALID_CONFIGURATION", [40] = "UNEXPECTED_MESSAGE", [41] = "MALFORMED_MESSAGE", [42] = "UNKNOWN_MESSAGE", [43] = "UNKNOWN_CONTEXT", [44] = "SECURITY_CAPABILITIES_MISMATCH", [45] = "INTEGRITY_FAILURE", [46] = "NOT_SECURED", [47] = "HANDLE_IN_USE", [48] = "TIMEOUT", [49] = "REASSEMBLY_TIMEOUT", [50] = "PEER_LOST", [51] = "FUNCTION_FAILED", [52] = "NODE_GOING_DOWN", [53] = "CANCELLED", [54] = "RADIO_LINK_FAILURE", [55] = "RECONFIGURATION_FAILURE"},
    CipheringAlgorithm = {[0] = "NEA0", [2] = "NEA2"},
    CongestionMark = {[0] = "NOT_CAPABLE", [1] = "CAPABLE_1", [2] = "CAPABLE_0", [3] = "EXPERIENCED"},
    Content = {[0] = "BYTES", [1] = "TENSOR", [2] = "TENSORS", [3] = "JSON"},
    DepType = {[1] = "DATA", [2] = "GRANT", [3] = "ACK", [4] = "NACK", [5] = "BUSY", [6] = "PING", [7] = "PONG", [8] = "CLOSE", [9] = "CLOSE_ACK", [10] = "PATH", [11] = "ERROR", [12] = "CAPSULE", [15] = "EXT"},
    ElementType = {[0] = "NONE", [1] = "FLOAT32", [2] = "FLOAT16", [3] = "BFLOAT16", [4] = "INT8", [5] = "UINT8", [6] = "INT32", [7] = "INT64", [8] = "FLOAT64"},
    EndPoint = {[1] = "ROUTINE_CLIENT", [2] = "ROUTINE_SERVER", [3] = "RESULTS"},
    EstablishmentCause = {[1] = "HIGH_PRIORITY_ACCESS", [2] = "MT_ACCESS", [3] = "MO_SIGNALLING", [4] = "MO_DATA"},
    ExtensionType = {[0] = "PADDING", [1] = "TIMESTAMP"},
    IntegrityAlgorithm = {[0] = "NIA0", [2] = "NIA2"},
    PathReason = {[0] = "BEARER_CHANGED", [1] = "REESTABLISHED", [2] = "HANDED_OVER"},
    ReestablishmentCause = {[0] = "RECONFIGURATION_FAILURE", [1] = "HANDOVER_FAILURE", [2] = "OTHER_FAILURE"},
    RegistrationType = {[1] = "INITIAL", [3] = "PERIODIC"},
    SecurityHeaderType = {[1] = "INTEGRITY", [2] = "INTEGRITY_AND_CIPHERING", [3] = "INTEGRITY_NEW_CONTEXT", [4] = "INTEGRITY_AND_CIPHERING_NEW_CONTEXT"},
    Segmentation = {[0] = "COMPLETE", [1] = "FIRST", [2] = "LAST", [3] = "MIDDLE"},
    ServiceType = {[0] = "SIGNALLING", [1] = "DATA", [2] = "MOBILE_TERMINATED"},
  },
}
